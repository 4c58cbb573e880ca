// What of an instance can be changed: its type while it is stopped, its groups, and whether it may be terminated.

import { byId, ec2 } from "./ec2.js";
import { button, field, flash, h, safely, text } from "./page.js";
import { list } from "./query.js";

export async function changes(one, again) {
  const id = one.instanceId;
  const [groups, guarded] = await Promise.all([
    ec2("DescribeSecurityGroups", { Filter: byId("vpc-id", [one.vpcId]) }),
    ec2("DescribeInstanceAttribute", { InstanceId: id, Attribute: "disableApiTermination" }),
  ]);
  const modify = async (members) => {
    await ec2("ModifyInstanceAttribute", { InstanceId: id, ...members });
    flash(text("done"));
    again();
  };
  const [typeLabel, type] = field(text("Type"), { value: one.instanceType, required: true, size: 12, id: "new-type" });
  type.disabled = one.instanceState.name !== "stopped";
  const resize = h("form", { class: "tools", onsubmit: safely(() => modify({ InstanceType: { Value: type.value } })) }, typeLabel,
    h("button", { type: "submit", disabled: type.disabled }, text("save")), type.disabled ? h("span", { class: "quiet" }, text("While it is stopped.")) : null);
  const now = list(one.groupSet).map((group) => group.groupId);
  const boxes = list(groups.securityGroupInfo).map((group) => {
    const box = h("input", { type: "checkbox", value: group.groupId });
    box.checked = now.includes(group.groupId);
    return h("label", {}, box, ` ${group.groupName} `);
  });
  const chosen = () => boxes.map((each) => each.querySelector("input")).filter((box) => box.checked).map((box) => box.value);
  const regroup = h("form", { onsubmit: safely(() => modify({ GroupId: chosen() })) }, h("fieldset", { class: "tools" }, h("legend", {}, text("Security groups")), boxes,
    h("button", { type: "submit", id: "save-groups" }, text("save"))));
  const on = guarded.disableApiTermination?.value === "true";
  const guard = button(on ? "Allow termination" : "Protect from termination", () => modify({ DisableApiTermination: { Value: !on } }), { id: "guard" });
  return h("details", {}, h("summary", {}, text("Edit")), resize, regroup, h("p", {}, guard));
}
