// Auto Scaling: the groups; one of them with its instances, what it did and why, and how many it should have.

import { collect, listing } from "../listing.js";
import { field, flash, h, number, pairs, safely, table, text } from "../page.js";
import { flat, list, plain, query } from "../query.js";
import { tone } from "../states.js";

async function call(operation, given = {}) {
  const page = await query("autoscaling", "2011-01-01", operation, flat(given));
  const result = page.querySelector(`${operation}Result`);
  return result ? plain(result) : {};
}

const pages = (operation, set, given = {}) => async (token) => {
  const answer = await call(operation, { MaxRecords: 50, NextToken: token, ...given });
  return { items: list(answer[set]), next: answer.NextToken || "" };
};

export const render = ([name], again) => (name ? one(name, again) : all());

const all = () => listing({
  heads: [text("name"), text("Wanted"), "Min", "Max", text("instances"), text("Zone"), text("Created")], page: pages("DescribeAutoScalingGroups", "AutoScalingGroups"),
  key: (group) => group.AutoScalingGroupName, busy: (group) => list(group.Instances).length !== Number(group.DesiredCapacity),
  empty: "aws autoscaling create-auto-scaling-group --auto-scaling-group-name web --min-size 1 --max-size 3 \\\n  --launch-template LaunchTemplateName=web --vpc-zone-identifier subnet-...",
  cells: (group) => [h("a", { href: `#scaling/${encodeURIComponent(group.AutoScalingGroupName)}` }, group.AutoScalingGroupName), number(group.DesiredCapacity), number(group.MinSize), number(group.MaxSize),
    number(String(list(group.Instances).length)), list(group.AvailabilityZones).join(", "), group.CreatedTime],
  actions: [{ label: "delete", danger: true, run: async (names) => { for (const name of names) await call("DeleteAutoScalingGroup", { AutoScalingGroupName: name, ForceDelete: true }); } }],
});

async function one(name, again) {
  const [found, activities, policies] = await Promise.all([
    call("DescribeAutoScalingGroups", { AutoScalingGroupNames: { member: [name] } }),
    collect(pages("DescribeScalingActivities", "Activities", { AutoScalingGroupName: name }), 100),
    collect(pages("DescribePolicies", "ScalingPolicies", { AutoScalingGroupName: name }), 100),
  ]);
  const group = list(found.AutoScalingGroups)[0];
  const size = (label, value) => field(text(label), { type: "number", min: 0, value, required: true, size: 6 });
  const [minLabel, min] = size("Min", group.MinSize);
  const [wantedLabel, wanted] = size("Wanted", group.DesiredCapacity);
  const [maxLabel, max] = size("Max", group.MaxSize);
  const keep = safely(async () => {
    await call("UpdateAutoScalingGroup", { AutoScalingGroupName: name, MinSize: min.value, MaxSize: max.value, DesiredCapacity: wanted.value });
    flash(text("done"));
    again();
  });
  return [h("p", {}, h("a", { href: "#scaling" }, text("back")), ` · ${name}`),
    pairs([["ARN", group.AutoScalingGroupARN], [text("Launch template"), group.LaunchTemplate?.LaunchTemplateName || group.LaunchConfigurationName], [text("Subnet"), group.VPCZoneIdentifier],
      ["HealthCheckType", group.HealthCheckType], [text("Created"), group.CreatedTime]]),
    h("form", { class: "tools", onsubmit: keep }, minLabel, wantedLabel, maxLabel, h("button", { type: "submit" }, text("save"))),
    h("h2", {}, text("instances")), table(["ID", text("State"), text("Checks"), text("Type"), text("Zone")], list(group.Instances).map((each) =>
      [h("a", { href: `#instances/${each.InstanceId}` }, each.InstanceId), tone(each.LifecycleState), tone(each.HealthStatus), each.InstanceType, each.AvailabilityZone])),
    h("h2", {}, text("policies")), table([text("name"), text("Type")], policies.items.map((each) => [each.PolicyName, each.PolicyType])),
    h("h2", {}, text("Activities")), table([text("time"), text("status"), text("Description"), text("Cause")], activities.items.map((each) => [each.StartTime, tone(each.StatusCode), each.Description, each.Cause]))];
}
