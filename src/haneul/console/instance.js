// One instance: what it is, how it does, what belongs to it, and what it wrote to its console.

import { byId, ec2, named } from "./ec2.js";
import { changes } from "./changes.js";
import { figures } from "./figures.js";
import { button, flash, h, pairs, safely, table, text } from "./page.js";
import { list } from "./query.js";
import { tone } from "./states.js";
import { tags } from "./tags.js";

const AGAIN = 2000;
const link = (page, id) => h("a", { href: `#${page}/${id}` }, id);

export async function details(id, again) {
  const [found, status, volumes] = await Promise.all([
    ec2("DescribeInstances", { InstanceId: [id] }),
    ec2("DescribeInstanceStatus", { InstanceId: [id], IncludeAllInstances: true }),
    ec2("DescribeVolumes", { Filter: byId("attachment.instance-id", [id]) }),
  ]);
  const one = list(list(found.reservationSet)[0].instancesSet)[0];
  const state = one.instanceState.name;
  const checks = list(status.instanceStatusSet)[0] || {};
  const moves = ["pending", "stopping", "shutting-down"].includes(state) || checks.instanceStatus?.status === "initializing";
  const page = h("div", {}, actions(id, state, again), summary(one, checks), entry(one), h("h2", {}, text("Volumes")), disks(one, list(volumes.volumeSet)),
    h("h2", {}, text("Interfaces")), interfaces(one), tags(id, list(one.tagSet), again),
    one.vpcId ? await changes(one, again) : null, figures(id), output(id, state));
  if (moves) setTimeout(() => page.isConnected && !page.contains(document.activeElement) && again(), AGAIN);
  return [h("p", {}, h("a", { href: "#instances" }, text("back")), ` · ${named(one.tagSet) || id}`), page];
}

function actions(id, state, again) {
  const act = (label, operation, allowed, danger) => button(label, async () => {
    if (danger && !confirm(text("really", text(label), id))) return;
    await ec2(operation, { InstanceId: [id] });
    again();
  }, { disabled: !allowed, class: danger ? "danger" : "" });
  const runs = state === "running";
  return h("div", { class: "tools" }, act("Start", "StartInstances", state === "stopped"), act("Stop", "StopInstances", runs, true),
    act("Reboot", "RebootInstances", runs), act("Terminate", "TerminateInstances", state !== "terminated", true),
    button("Create image", async () => {
      const name = prompt(text("name"), id);
      if (name) flash(`${text("done")} ${(await ec2("CreateImage", { InstanceId: id, Name: name })).imageId}`);
    }, { disabled: !runs && state !== "stopped" }),
    runs ? h("a", { class: "button", href: `#instances/${id}/terminal` }, text("Serial terminal")) : null);
}

function summary(one, checks) {
  const check = (part) => (checks[part] ? tone(list(checks[part].details)[0]?.status || checks[part].status) : "");
  return pairs([
    ["ID", one.instanceId], [text("State"), tone(one.instanceState.name)], ["", one.stateReason?.message], [text("Type"), one.instanceType],
    ["System status", check("systemStatus")], ["Instance status", check("instanceStatus")],
    [text("Public address"), one.ipAddress], [text("Private address"), one.privateIpAddress], ["DNS", one.dnsName || one.privateDnsName],
    ["VPC", one.vpcId && link("network", one.vpcId)], [text("Subnet"), one.subnetId], [text("Zone"), one.placement.availabilityZone],
    [text("Image"), one.imageId], [text("Key pair"), one.keyName], [text("Instance profile"), one.iamInstanceProfile?.arn],
    [text("Started"), one.launchTime],
    [text("Security groups"), list(one.groupSet).length ? h("span", {}, list(one.groupSet).flatMap((group) => [link("groups", group.groupId), ` ${group.groupName} `])) : undefined],
  ]);
}

// How to get in from this machine, which reaches public addresses.
const entry = (one) => (one.ipAddress && one.keyName && one.instanceState.name === "running"
  ? h("pre", { tabindex: 0, "aria-label": "ssh" }, `ssh -i ${one.keyName}.pem admin@${one.ipAddress}`) : null);

const disks = (one, volumes) => table([text("Device"), "ID", text("size"), text("Type"), text("State"), text("Encrypted")],
  volumes.map((volume) => [list(volume.attachmentSet).find((at) => at.instanceId === one.instanceId)?.device, link("volumes", volume.volumeId), `${volume.size} GiB`,
    volume.volumeType, tone(volume.status), volume.encrypted]));

const interfaces = (one) => table(["ID", text("Subnet"), text("Private address"), text("Public address"), "MAC"],
  list(one.networkInterfaceSet).map((nic) => [nic.networkInterfaceId, nic.subnetId,
    list(nic.privateIpAddressesSet).map((address) => address.privateIpAddress).join(", "), nic.association?.publicIp || "", nic.macAddress]));

function output(id, state) {
  const seen = h("pre", { tabindex: 0, id: "console-output" });
  const load = safely(async () => {
    const answer = await ec2("GetConsoleOutput", { InstanceId: id, Latest: true });
    const raw = Uint8Array.from(atob(answer.output || ""), (letter) => letter.charCodeAt(0));
    seen.textContent = new TextDecoder().decode(raw) || text("empty");
    seen.scrollTop = seen.scrollHeight;
  });
  const screen = h("div", { class: "preview", hidden: true });
  const shoot = async () => {
    const { imageData } = await ec2("GetConsoleScreenshot", { InstanceId: id });
    screen.hidden = false;
    screen.replaceChildren(h("img", { src: `data:image/jpeg;base64,${imageData}`, alt: text("Screenshot") }));
  };
  load();
  return h("div", {}, h("h2", {}, text("Console output")), h("div", { class: "tools" },
    h("button", { type: "button", onclick: load, id: "load-output" }, text("Refresh")), state === "running" ? button("Screenshot", shoot) : null), seen, screen);
}
