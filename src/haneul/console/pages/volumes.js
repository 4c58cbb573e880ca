// EBS: volumes and snapshots, made, attached, detached, deleted; one of either with its tags.

import { ec2, named, pages } from "../ec2.js";
import { listing } from "../listing.js";
import { button, field, flash, h, pairs, safely, select, text } from "../page.js";
import { list } from "../query.js";
import { tone } from "../states.js";
import { tags } from "../tags.js";

const TYPES = ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"].map((type) => [type, type]);
const MOVING = ["creating", "deleting", "pending", "modifying"];
const CREATE = "aws ec2 create-volume --size 8 --volume-type gp3 --availability-zone us-east-1a";
const SNAPSHOT = "aws ec2 create-snapshot --description first --volume-id vol-...";

export const render = ([id], again) => (!id ? all(again) : id.startsWith("snap-") ? oneSnapshot(id, again) : oneVolume(id, again));

async function all(again) {
  const zones = list((await ec2("DescribeAvailabilityZones")).availabilityZoneInfo).map((one) => one.zoneName);
  const [volumes, snapshots] = await Promise.all([volumesOf(), snapshotsOf()]);
  return [creation(zones, again), h("h2", {}, text("Volumes")), volumes, h("h2", {}, text("Snapshots")), snapshots];
}

function creation(zones, again) {
  const [sizeLabel, size] = field(`${text("size")} (GiB)`, { type: "number", min: 1, max: 65536, value: 8, required: true, id: "volume-size" });
  const [typeLabel, type] = select(text("Type"), TYPES);
  const [zoneLabel, zone] = select(text("Zone"), zones.map((name) => [name, name]));
  const encrypted = h("input", { type: "checkbox" });
  const make = safely(async () => {
    const made = await ec2("CreateVolume", { Size: size.value, VolumeType: type.value, AvailabilityZone: zone.value, Encrypted: encrypted.checked || undefined });
    flash(`${text("done")} ${made.volumeId}`);
    again();
  });
  return h("form", { class: "tools", onsubmit: make }, sizeLabel, typeLabel, zoneLabel, h("label", {}, encrypted, ` ${text("Encrypted")}`),
    h("button", { type: "submit", class: "primary", id: "create-volume" }, text("Create volume")));
}

function volumesOf() {
  const holder = (one) => list(one.attachmentSet).map((at) => h("span", {}, h("a", { href: `#instances/${at.instanceId}` }, at.instanceId), ` ${at.device}`));
  const each = (operation, more = {}) => async (ids) => { for (const id of ids) await ec2(operation, { VolumeId: id, ...more }); };
  return listing({
    heads: [text("name"), "ID", text("size"), text("Type"), text("State"), text("Attached to"), text("Zone"), text("Encrypted")],
    page: pages("DescribeVolumes", "volumeSet"), key: (one) => one.volumeId, empty: CREATE,
    busy: (one) => MOVING.includes(one.status) || list(one.attachmentSet).some((at) => at.status.endsWith("ing")),
    cells: (one) => [named(one.tagSet), h("a", { href: `#volumes/${one.volumeId}` }, one.volumeId), `${one.size} GiB`, one.volumeType, tone(one.status),
      h("span", {}, holder(one)), one.availabilityZone, one.encrypted],
    actions: [{ label: "Create snapshot", run: each("CreateSnapshot") }, { label: "Detach", run: each("DetachVolume"), danger: true },
      { label: "delete", run: each("DeleteVolume"), danger: true }],
  });
}

function snapshotsOf() {
  const remove = async (ids) => { for (const id of ids) await ec2("DeleteSnapshot", { SnapshotId: id }); };
  return listing({
    heads: [text("name"), "ID", text("Volumes"), text("size"), text("State"), "%", text("Started"), text("Description")],
    page: pages("DescribeSnapshots", "snapshotSet", { Owner: ["self"] }), key: (one) => one.snapshotId, empty: SNAPSHOT, busy: (one) => one.status === "pending",
    cells: (one) => [named(one.tagSet), h("a", { href: `#volumes/${one.snapshotId}` }, one.snapshotId), one.volumeId, `${one.volumeSize} GiB`, tone(one.status),
      one.progress, one.startTime, one.description],
    actions: [{ label: "delete", run: remove, danger: true }],
  });
}

const way = (id) => h("p", {}, h("a", { href: "#volumes" }, text("back")), ` · ${id}`);

async function oneVolume(id, again) {
  const one = list((await ec2("DescribeVolumes", { VolumeId: [id] })).volumeSet)[0];
  const at = list(one.attachmentSet)[0];
  const facts = pairs([["ID", id], [text("State"), tone(one.status)], [text("size"), `${one.size} GiB`], [text("Type"), one.volumeType], ["IOPS", one.iops],
    ["MiB/s", one.throughput], [text("Zone"), one.availabilityZone], [text("Encrypted"), one.encrypted], ["KMS", one.kmsKeyId], ["Snapshot", one.snapshotId],
    [text("Created"), one.createTime], [text("Attached to"), at && h("a", { href: `#instances/${at.instanceId}` }, `${at.instanceId} ${at.device}`)]]);
  return [way(id), h("div", { class: "tools" },
    at ? button("Detach", async () => { await ec2("DetachVolume", { VolumeId: id }); again(); }, { class: "danger" }) : await attaching(one, again),
    button("Create snapshot", async () => { flash(`${text("done")} ${(await ec2("CreateSnapshot", { VolumeId: id })).snapshotId}`); }),
    at ? null : button("delete", async () => { if (confirm(text("sure", id))) { await ec2("DeleteVolume", { VolumeId: id }); location.hash = "volumes"; } }, { class: "danger" })),
  facts, tags(id, list(one.tagSet), again)];
}

async function attaching(volume, again) {
  const found = await ec2("DescribeInstances", { Filter: [{ Name: "availability-zone", Value: [volume.availabilityZone] }, { Name: "instance-state-name", Value: ["running", "stopped"] }] });
  const instances = list(found.reservationSet).flatMap((one) => list(one.instancesSet));
  if (instances.length === 0) return null;
  const [label, instance] = select(text("Instance"), instances.map((one) => [one.instanceId, `${one.instanceId} ${named(one.tagSet)}`]), { id: "attach-to" });
  const [deviceLabel, device] = field(text("Device"), { value: "/dev/sdf", size: 10, required: true });
  const attach = safely(async () => { await ec2("AttachVolume", { VolumeId: volume.volumeId, InstanceId: instance.value, Device: device.value }); again(); });
  return h("form", { class: "tools", onsubmit: attach }, label, deviceLabel, h("button", { type: "submit", id: "attach" }, text("Attach")));
}

async function oneSnapshot(id, again) {
  const [found, zones] = await Promise.all([ec2("DescribeSnapshots", { SnapshotId: [id] }), ec2("DescribeAvailabilityZones")]);
  const one = list(found.snapshotSet)[0];
  const [label, zone] = select(text("Zone"), list(zones.availabilityZoneInfo).map((each) => [each.zoneName, each.zoneName]));
  const make = safely(async () => {
    location.hash = `volumes/${(await ec2("CreateVolume", { SnapshotId: id, AvailabilityZone: zone.value, VolumeType: "gp3" })).volumeId}`;
  });
  return [way(id), h("form", { class: "tools", onsubmit: make }, label, h("button", { type: "submit" }, text("Create volume"))),
    pairs([["ID", id], [text("State"), tone(one.status)], ["", one.progress], [text("Volumes"), one.volumeId], [text("size"), `${one.volumeSize} GiB`],
      [text("Encrypted"), one.encrypted], [text("Started"), one.startTime], [text("Description"), one.description]]), tags(id, list(one.tagSet), again)];
}
