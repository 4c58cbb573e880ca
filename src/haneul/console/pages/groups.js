// Security groups: made, deleted, and their rules edited one by one.

import { ec2, named, pages } from "../ec2.js";
import { collect, listing } from "../listing.js";
import { button, field, h, pairs, safely, select, table, text } from "../page.js";
import { list } from "../query.js";
import { tags } from "../tags.js";

const CREATE = "aws ec2 create-security-group --group-name web --description 'Web servers'";
const PROTOCOLS = [["tcp", "TCP"], ["udp", "UDP"], ["icmp", "ICMP"], ["-1", "*"]];

export const render = ([id], again) => (id ? one(id, again) : all(again));

async function all(again) {
  const vpcs = list((await ec2("DescribeVpcs")).vpcSet);
  const [nameLabel, name] = field(text("name"), { required: true, id: "group-name" });
  const [descriptionLabel, description] = field(text("Description"), { required: true, id: "group-description" });
  const [vpcLabel, vpc] = select("VPC", vpcs.map((each) => [each.vpcId, `${each.vpcId} ${named(each.tagSet)}`]));
  const make = safely(async () => {
    const made = await ec2("CreateSecurityGroup", { GroupName: name.value, GroupDescription: description.value, VpcId: vpc.value });
    location.hash = `groups/${made.groupId}`;
  });
  return [h("form", { class: "tools", onsubmit: make }, nameLabel, descriptionLabel, vpcLabel, h("button", { type: "submit", class: "primary" }, text("create"))),
    await listing({
      heads: [text("name"), "ID", "VPC", text("Description"), text("Inbound"), text("Outbound")], page: pages("DescribeSecurityGroups", "securityGroupInfo"),
      key: (group) => group.groupId, empty: CREATE,
      cells: (group) => [group.groupName, h("a", { href: `#groups/${group.groupId}` }, group.groupId), h("a", { href: `#network/${group.vpcId}` }, group.vpcId),
        group.groupDescription, String(list(group.ipPermissions).length), String(list(group.ipPermissionsEgress).length)],
      actions: [{ label: "delete", danger: true, run: async (ids) => { for (const id of ids) await ec2("DeleteSecurityGroup", { GroupId: id }); } }],
    })];
}

async function one(id, again) {
  const [found, rules] = await Promise.all([
    ec2("DescribeSecurityGroups", { GroupId: [id] }),
    collect(pages("DescribeSecurityGroupRules", "securityGroupRuleSet", { Filter: [{ Name: "group-id", Value: [id] }] }, 1000)),
  ]);
  const group = list(found.securityGroupInfo)[0];
  const part = (title, egress) => [h("h2", {}, text(title)), rulesOf(id, rules.items.filter((rule) => (rule.isEgress === "true") === egress), egress, again), adding(id, egress, again)];
  return [h("p", {}, h("a", { href: "#groups" }, text("back")), ` · ${group.groupName}`),
    pairs([["ID", id], ["VPC", h("a", { href: `#network/${group.vpcId}` }, group.vpcId)], [text("Description"), group.groupDescription]]),
    ...part("Inbound", false), ...part("Outbound", true), tags(id, list(group.tagSet), again)];
}

export function portsOf(rule) {
  if (rule.ipProtocol === "-1") return "*";
  if (rule.fromPort === undefined || rule.fromPort === "-1") return "*";
  return rule.fromPort === rule.toPort ? rule.fromPort : `${rule.fromPort}-${rule.toPort}`;
}

function rulesOf(id, rules, egress, again) {
  const remove = (rule) => async () => {
    await ec2(egress ? "RevokeSecurityGroupEgress" : "RevokeSecurityGroupIngress", { GroupId: id, SecurityGroupRuleId: [rule.securityGroupRuleId] });
    again();
  };
  const other = (rule) => rule.cidrIpv4 || rule.cidrIpv6 || rule.prefixListId || h("a", { href: `#groups/${rule.referencedGroupInfo?.groupId}` }, rule.referencedGroupInfo?.groupId || "");
  return table(["ID", text("Protocol"), text("Ports"), text(egress ? "Destination" : "Source"), text("Description"), ""], rules.map((rule) => [rule.securityGroupRuleId,
    rule.ipProtocol === "-1" ? "*" : rule.ipProtocol, portsOf(rule), other(rule), rule.description || "",
    button("Remove", remove(rule), { class: "danger", "aria-label": `${text("Remove")} ${rule.securityGroupRuleId}` })]));
}

function adding(id, egress, again) {
  const way = egress ? "out" : "in";
  const [protocolLabel, protocol] = select(text("Protocol"), PROTOCOLS, { id: `${way}-protocol` });
  const [portsLabel, ports] = field(text("Ports"), { placeholder: "80, 8000-8080", size: 12, id: `${way}-ports` });
  const [otherLabel, other] = field(text(egress ? "Destination" : "Source"), { placeholder: "0.0.0.0/0, sg-..., pl-...", value: "0.0.0.0/0", required: true, id: `${way}-other` });
  const [wordsLabel, words] = field(text("Description"), { size: 14 });
  const add = safely(async () => {
    const about = { Description: words.value };
    const peer = other.value.trim();
    const peers = peer.startsWith("sg-") ? { Groups: [{ GroupId: peer, ...about }] } : peer.startsWith("pl-") ? { PrefixListIds: [{ PrefixListId: peer, ...about }] }
      : peer.includes(":") ? { Ipv6Ranges: [{ CidrIpv6: peer, ...about }] } : { IpRanges: [{ CidrIp: peer, ...about }] };
    const spans = protocol.value === "-1" ? [{}] : (ports.value || "*").split(",").map((span) => spanOf(span.trim(), protocol.value));
    await ec2(egress ? "AuthorizeSecurityGroupEgress" : "AuthorizeSecurityGroupIngress", { GroupId: id,
      IpPermissions: spans.map((span) => ({ IpProtocol: protocol.value, ...span, ...peers })) });
    again();
  });
  return h("form", { class: "tools", onsubmit: add }, protocolLabel, portsLabel, otherLabel, wordsLabel, h("button", { type: "submit", id: `${way}-add` }, text("Add")));
}

function spanOf(span, protocol) {
  if (span === "*" || span === "") return protocol === "icmp" ? { FromPort: -1, ToPort: -1 } : { FromPort: 0, ToPort: 65535 };
  const [first, last = first] = span.split("-");
  return { FromPort: first, ToPort: last };
}
