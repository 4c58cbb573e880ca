// The launch wizard: what RunInstances needs, chosen from what there is, and the same as a command.

import { ec2, named } from "./ec2.js";
import { collect } from "./listing.js";
import { field, flash, give, h, safely, select, text } from "./page.js";
import { list, members, query } from "./query.js";
import { session } from "./aws.js";

const SIZES = ["nano", "micro", "small", "medium", "large", "xlarge"];

const all = async (operation, set, given = {}) => (await collect(async (token) => {
  const answer = await ec2(operation, { NextToken: token, ...given });
  return { items: list(answer[set]), next: answer.nextToken || "" };
})).items;

export async function launch(template = "") {
  const profiles = query("iam", "2010-05-08", "ListInstanceProfiles").then((page) => members(page, "InstanceProfiles").map((read) => read("InstanceProfileName")), () => []);
  const [amazons, own, types, keys, subnets, groups, roles, templates] = await Promise.all([
    all("DescribeImages", "imagesSet", { Owner: ["amazon"] }), all("DescribeImages", "imagesSet", { Owner: ["self"] }), all("DescribeInstanceTypes", "instanceTypeSet"),
    all("DescribeKeyPairs", "keySet"), all("DescribeSubnets", "subnetSet"), all("DescribeSecurityGroups", "securityGroupInfo"), profiles,
    all("DescribeLaunchTemplates", "launchTemplates").catch(() => []),
  ]);
  const form = parts({ images: [...own, ...amazons].filter((one) => one.imageState === "available"), types, keys, subnets, groups, roles, templates, template });
  const command = h("pre", { tabindex: 0, class: "wide", id: "launch-command" });
  const shown = () => { command.textContent = commandOf(form.request()); };
  const run = safely(async () => {
    const answer = await ec2("RunInstances", form.request());
    const ids = list(answer.instancesSet).map((one) => one.instanceId);
    flash(`${text("done")} ${ids.join(", ")}`);
    location.hash = ids.length === 1 ? `instances/${ids[0]}` : "instances";
  });
  const page = h("form", { class: "sheet", oninput: shown, onchange: shown, onsubmit: run }, form.rows,
    h("button", { type: "submit", class: "primary", id: "launch" }, text("Launch")), h("h2", {}, text("The same by command")), command);
  shown();
  return [h("p", {}, h("a", { href: "#instances" }, text("back")), ` · ${text("Launch an instance")}`), page];
}

function parts({ images, types, keys, subnets, groups, roles, templates, template }) {
  const row = (label, input, id) => { input.id = id; return [h("label", { for: id }, text(label)), input]; };
  const pick = (choices, more = {}) => select("", choices, more)[1];
  const name = field("", { placeholder: "web-1" })[1];
  const image = pick(images.map((one) => [one.imageId, `${one.name} (${one.imageId})`]), { required: true });
  const type = pick(sorted(types).map((one) => [one.instanceType, `${one.instanceType} · ${one.vCpuInfo.defaultVCpus} vCPU · ${Number(one.memoryInfo.sizeInMiB) / 1024} GiB`]), { required: true });
  type.value = types.some((one) => one.instanceType === "t3.micro") ? "t3.micro" : type.value;
  const key = pick([["", text("None")], ...keys.map((one) => [one.keyName, one.keyName])]);
  const subnet = pick(subnets.map((one) => [one.subnetId, `${named(one.tagSet) || one.subnetId} · ${one.availabilityZone} · ${one.cidrBlock} · ${one.vpcId}`]));
  const base = pick([["", text("None")], ...templates.map((one) => [one.launchTemplateId, one.launchTemplateName])]);
  const root = field("", { type: "number", min: 1, max: 16384, placeholder: "GiB" })[1];
  const profile = pick([["", text("None")], ...roles.map((one) => [one, one])]);
  const count = field("", { type: "number", min: 1, max: 100, value: 1, required: true })[1];
  const data = field("", { rows: 5, spellcheck: "false", placeholder: "#!/bin/sh" })[1];
  const boxes = h("fieldset", { id: "launch-groups" });
  const draw = () => {
    const vpc = subnets.find((one) => one.subnetId === subnet.value)?.vpcId;
    boxes.replaceChildren(h("legend", {}, text("Security groups")), ...groups.filter((one) => one.vpcId === vpc).map((one) => {
      const box = h("input", { type: "checkbox", value: one.groupId });
      box.checked = one.groupName === "default";
      return h("label", {}, box, ` ${one.groupName} (${one.groupId})`);
    }));
  };
  subnet.addEventListener("change", draw);
  base.addEventListener("change", () => { leaveOpen(Boolean(base.value), [image, type, subnet]); draw(); });
  base.value = template;
  if (base.value) leaveOpen(true, [image, type, subnet]);
  draw();
  const request = () => ({
    LaunchTemplate: base.value ? { LaunchTemplateId: base.value } : undefined, ImageId: image.value, InstanceType: type.value, MinCount: count.value, MaxCount: count.value, KeyName: key.value, SubnetId: subnet.value,
    SecurityGroupId: [...boxes.querySelectorAll("input:checked")].map((box) => box.value), UserData: data.value && encoded(data.value),
    IamInstanceProfile: profile.value ? { Name: profile.value } : undefined,
    BlockDeviceMapping: root.value ? [{ DeviceName: images.find((one) => one.imageId === image.value)?.rootDeviceName, Ebs: { VolumeSize: root.value } }] : undefined,
    TagSpecification: name.value ? [{ ResourceType: "instance", Tag: [{ Key: "Name", Value: name.value }] }] : undefined,
  });
  return { request, rows: [row("name", name, "launch-name"), templates.length ? row("Launch template", base, "launch-template") : null, row("Image", image, "launch-image"), row("Type", type, "launch-type"),
    h("label", { for: "launch-key" }, text("Key pair")), keyRow(key), row("Subnet", subnet, "launch-subnet"), h("span", {}), boxes,
    row("Root volume (GiB)", root, "launch-root"), row("Instance profile", profile, "launch-profile"), row("Count", count, "launch-count"),
    row("User data", data, "launch-data")] };
}

// With a template each of these may be left to it, and is at first.
function leaveOpen(on, selects) {
  for (const each of selects) {
    each.querySelector('option[value=""]')?.remove();
    each.required = !on;
    if (on) {
      each.prepend(h("option", { value: "" }, text("As in the template")));
      each.value = "";
    }
  }
}

// The private key is told once: it is handed over as a file at once.
function keyRow(key) {
  key.id = "launch-key";
  const make = safely(async () => {
    const name = prompt(text("name"), "console-key");
    if (!name) return;
    const made = await ec2("CreateKeyPair", { KeyName: name, KeyType: "ed25519" });
    give(`${name}.pem`, made.keyMaterial, "application/x-pem-file");
    key.append(h("option", { value: name }, name));
    key.value = name;
    key.dispatchEvent(new Event("change", { bubbles: true }));
  });
  return h("span", { class: "tools" }, key, h("button", { type: "button", id: "make-key", onclick: make }, text("Create and download a key")));
}

function sorted(types) {
  const rank = (one) => { const [family, size] = one.instanceType.split("."); return [family, (SIZES.indexOf(size) + 1 || 99).toString().padStart(2, "0"), size.padStart(12)].join(" "); };
  return [...types].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

const encoded = (words) => btoa(String.fromCharCode(...new TextEncoder().encode(words)));
const quoted = (words) => `'${String(words).replaceAll("'", "'\\''")}'`;

function commandOf(asked) {
  const lines = [`aws ec2 run-instances --region ${session.region}`, `--count ${asked.MaxCount}`];
  if (asked.LaunchTemplate) lines.push(`--launch-template LaunchTemplateId=${asked.LaunchTemplate.LaunchTemplateId}`);
  if (asked.ImageId) lines.push(`--image-id ${asked.ImageId}`);
  if (asked.InstanceType) lines.push(`--instance-type ${asked.InstanceType}`);
  if (asked.KeyName) lines.push(`--key-name ${quoted(asked.KeyName)}`);
  if (asked.SubnetId) lines.push(`--subnet-id ${asked.SubnetId}`);
  if (asked.SecurityGroupId.length) lines.push(`--security-group-ids ${asked.SecurityGroupId.join(" ")}`);
  if (asked.IamInstanceProfile) lines.push(`--iam-instance-profile Name=${quoted(asked.IamInstanceProfile.Name)}`);
  if (asked.BlockDeviceMapping) lines.push(`--block-device-mappings ${quoted(JSON.stringify(asked.BlockDeviceMapping))}`);
  if (asked.TagSpecification) lines.push(`--tag-specifications ${quoted(JSON.stringify([{ ResourceType: "instance", Tags: asked.TagSpecification[0].Tag }]))}`);
  if (asked.UserData) lines.push("--user-data file://user-data");
  return lines.join(" \\\n  ");
}
