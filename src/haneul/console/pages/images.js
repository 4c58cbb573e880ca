// What instances are launched from and opened with: images, launch templates, key pairs, elastic addresses.

import { ec2, named, pages } from "../ec2.js";
import { listing } from "../listing.js";
import { button, field, flash, give, h, safely, text } from "../page.js";
import { list } from "../query.js";
import { tone } from "../states.js";

const each = (operation, name) => async (ids) => { for (const id of ids) await ec2(operation, { [name]: id }); };
// These Describes have no pages of their own.
const whole = (operation, set, given = {}) => async () => ({ items: list((await ec2(operation, given))[set]), next: "" });

export async function render(_, again) {
  const parts = await Promise.all([images(), templates(), keys(), addresses()]);
  const [title, make] = [text("Key pair"), keyMaking(again)];
  return [h("h2", {}, text("Images")), parts[0], h("h2", {}, text("Launch templates")), parts[1], h("h2", {}, title), make, parts[2],
    h("h2", {}, text("Elastic addresses")), addressMaking(again), parts[3]];
}

function images() {
  const page = async (token) => {
    const own = await pages("DescribeImages", "imagesSet", { Owner: ["self"] })(token);
    if (token) return own;
    return { items: [...own.items, ...list((await ec2("DescribeImages", { Owner: ["amazon"] })).imagesSet)], next: own.next };
  };
  return listing({
    heads: [text("name"), "ID", text("State"), text("Owner"), text("Created"), text("Description")], page, key: (one) => one.imageId, busy: (one) => one.imageState === "pending",
    empty: "aws ec2 create-image --instance-id i-... --name web-1",
    cells: (one) => [one.name, one.imageId, tone(one.imageState), one.imageOwnerAlias || one.imageOwnerId, one.creationDate, one.description || ""],
    actions: [{ label: "Deregister", run: each("DeregisterImage", "ImageId"), danger: true }],
  });
}

const templates = () => listing({
  heads: [text("name"), "ID", text("version"), text("Created")], page: pages("DescribeLaunchTemplates", "launchTemplates"), key: (one) => one.launchTemplateId,
  empty: "aws ec2 create-launch-template --launch-template-name web --launch-template-data '{\"ImageId\": \"ami-...\", \"InstanceType\": \"t3.micro\"}'",
  cells: (one) => [h("a", { href: `#instances/launch/${one.launchTemplateId}` }, one.launchTemplateName), one.launchTemplateId, `${one.defaultVersionNumber} / ${one.latestVersionNumber}`, one.createTime],
  actions: [{ label: "delete", run: each("DeleteLaunchTemplate", "LaunchTemplateId"), danger: true }],
});

const keys = () => listing({
  heads: [text("name"), "ID", text("Type"), "Fingerprint", text("Created")], page: whole("DescribeKeyPairs", "keySet"), key: (one) => one.keyName,
  empty: "aws ec2 create-key-pair --key-name mine --key-type ed25519 --query KeyMaterial --output text > mine.pem",
  cells: (one) => [one.keyName, one.keyPairId, one.keyType, h("code", {}, one.keyFingerprint), one.createTime],
  actions: [{ label: "delete", run: each("DeleteKeyPair", "KeyName"), danger: true }],
});

function keyMaking(again) {
  const [label, name] = field(text("name"), { required: true, id: "key-name" });
  const make = safely(async () => {
    const made = await ec2("CreateKeyPair", { KeyName: name.value, KeyType: "ed25519" });
    give(`${name.value}.pem`, made.keyMaterial, "application/x-pem-file");
    again();
  });
  return h("form", { class: "tools", onsubmit: make }, label, h("button", { type: "submit" }, text("Create and download a key")));
}

const addresses = () => listing({
  heads: [text("name"), text("Public address"), "ID", text("Attached to")], page: whole("DescribeAddresses", "addressesSet"), key: (one) => one.allocationId,
  empty: "aws ec2 allocate-address",
  cells: (one) => [named(one.tagSet), one.publicIp, one.allocationId, one.instanceId ? h("a", { href: `#instances/${one.instanceId}` }, one.instanceId) : one.networkInterfaceId || ""],
  actions: [{ label: "Release", run: each("ReleaseAddress", "AllocationId"), danger: true }],
});

const addressMaking = (again) => h("p", {}, button("Allocate", async () => {
  flash(`${text("done")} ${(await ec2("AllocateAddress", { Domain: "vpc" })).publicIp}`);
  again();
}));
