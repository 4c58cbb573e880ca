// EC2: instances, what can be done to them, and one of them in detail. Launching and the terminal have files of their own.

import { ec2, named, pages } from "../ec2.js";
import { details } from "../instance.js";
import { launch } from "../launch.js";
import { listing } from "../listing.js";
import { h, text } from "../page.js";
import { list } from "../query.js";
import { tone } from "../states.js";
import { terminal } from "../terminal.js";

const MOVING = ["pending", "stopping", "shutting-down"];
export async function render([id, part], again) {
  if (id === "launch") return launch(part);
  if (id && part === "terminal") return terminal(id);
  return id ? details(id, again) : all();
}

async function all() {
  const reservations = pages("DescribeInstances", "reservationSet");
  const page = async (token) => {
    const { items, next } = await reservations(token);
    return { items: items.flatMap((one) => list(one.instancesSet)), next };
  };
  const over = (operation) => (ids) => ec2(operation, { InstanceId: ids });
  return [
    h("p", {}, h("a", { class: "button primary", href: "#instances/launch" }, text("Launch an instance"))),
    await listing({
      heads: [text("name"), "ID", text("State"), text("Type"), text("Public address"), text("Private address"), text("Zone")],
      page, key: (one) => one.instanceId, busy: (one) => MOVING.includes(one.instanceState.name), cells: cellsOf,
      empty: "aws ec2 run-instances --instance-type t3.micro --image-id $(aws ec2 describe-images --owners amazon --query 'Images[0].ImageId' --output text)",
      actions: [{ label: "Start", run: over("StartInstances") }, { label: "Stop", run: over("StopInstances"), danger: true },
        { label: "Reboot", run: over("RebootInstances") }, { label: "Terminate", run: over("TerminateInstances"), danger: true }],
    }),
  ];
}

const cellsOf = (one) => [named(one.tagSet), h("a", { href: `#instances/${one.instanceId}` }, one.instanceId), tone(one.instanceState.name), one.instanceType,
  one.ipAddress || "", one.privateIpAddress || "", one.placement.availabilityZone];

