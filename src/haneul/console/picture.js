// The drawing of a VPC: zones as columns, subnets in them, instances in those, its gateways above, its route tables' lines between.

import { named } from "./ec2.js";
import { text } from "./page.js";

const COLUMN = 290;
const ACROSS = 3;
const GAP = 20;
const MACHINE = 46;
const HEAD = 44;
const TOP = 96;
const DOOR = 175;

function element(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const label = (x, y, words, more = {}) => element("text", { x, y, ...more }, words);
const short = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

// Where everything goes: zones side by side, three in a row; subnets stacked in the column of their zone.
function plan(found) {
  const names = [...new Set(found.subnets.map((subnet) => subnet.availabilityZone))];
  const zones = [];
  const places = new Map();
  let from = TOP + 42;
  for (let row = 0; row * ACROSS < names.length; row += 1) {
    let deepest = from;
    names.slice(row * ACROSS, (row + 1) * ACROSS).forEach((zone, column) => {
      const x = GAP * 2 + column * (COLUMN + GAP);
      zones.push({ zone, x, y: from });
      let y = from + 8;
      for (const subnet of found.subnets.filter((each) => each.availabilityZone === zone)) {
        const machines = found.instances.filter((each) => each.subnetId === subnet.subnetId);
        const height = HEAD + Math.max(machines.length * MACHINE, 10) + 6;
        places.set(subnet.subnetId, { x, y, height, machines });
        y += height + GAP;
      }
      deepest = Math.max(deepest, y);
    });
    from = deepest + GAP;
  }
  return { zones, places, width: GAP * 3 + Math.max(Math.min(names.length, ACROSS), 2) * (COLUMN + GAP), height: from + GAP / 2 };
}

export function picture(found, reached) {
  const { zones, places, width, height } = plan(found);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "group", "aria-label": `VPC ${found.id}`, id: "vpc-picture" });
  svg.append(element("rect", { x: GAP, y: TOP, width: width - GAP * 2, height: height - TOP - GAP / 2, rx: 10, class: "area" }),
    label(GAP * 2, TOP + 22, `${named(found.vpc.tagSet)} ${found.id} · ${found.vpc.cidrBlock}`, { "font-weight": 600 }));
  for (const { zone, x, y } of zones) svg.append(label(x, y, zone, { class: "soft" }));
  const doors = ways(found, width);
  const lines = element("g", {});
  const over = element("g", { "pointer-events": "none" });
  svg.append(lines);
  for (const door of doors) svg.append(box(door.x, 12, DOOR, 44, door.title, door.id, "box"));
  const spots = new Map(doors.filter((door) => door.id.startsWith("igw-")).map((door) => ["internet", { x: door.x + DOOR / 2, y: 56 }]));
  for (const subnet of found.subnets) {
    svg.append(drawn(found, subnet, places.get(subnet.subnetId), spots, (id) => show(over, svg, spots, reached, id)));
  }
  for (const door of doors.filter((each) => each.id.startsWith("igw-"))) {
    lines.append(element("path", { class: "line", d: `M${door.x + DOOR / 2} 56 V${TOP}` }));
  }
  svg.append(over);
  return svg;
}

// What leads out of the VPC, in a row above it.
function ways(found, width) {
  const all = [...found.gateways.map((each) => ({ id: each.internetGatewayId, title: "Internet gateway" })), ...found.nats.map((each) => ({ id: each.natGatewayId, title: "NAT gateway" })),
    ...found.peerings.map((each) => ({ id: each.vpcPeeringConnectionId, title: "Peering" })), ...found.endpoints.map((each) => ({ id: each.vpcEndpointId, title: each.serviceName.split(".").pop() }))];
  return all.slice(0, Math.max(1, Math.floor((width - GAP * 2) / (DOOR + 15)))).map((each, at) => ({ ...each, x: GAP * 2 + at * (DOOR + 15) }));
}

function box(x, y, width, height, title, below, kind) {
  return element("g", {}, element("rect", { x, y, width, height, rx: 6, class: kind }), label(x + 8, y + 18, short(title, Math.floor(width / 7))),
    label(x + 8, y + 35, short(below, Math.floor(width / 6.6)), { class: "soft" }), element("title", {}, `${title} ${below}`));
}

// The route table of a subnet, and where it leads what is for elsewhere.
function wayOut(routes) {
  if (!routes) return "";
  const out = (Array.isArray(routes.routeSet) ? routes.routeSet : []).find((route) => route.destinationCidrBlock === "0.0.0.0/0");
  const door = out && (out.gatewayId || out.natGatewayId || out.vpcPeeringConnectionId || out.networkInterfaceId || out.instanceId || "");
  return `${named(routes.tagSet) || routes.routeTableId}${door ? ` → ${door.split("-")[0]}` : ""}`;
}

function drawn(found, subnet, place, spots, press) {
  const isPublic = found.isPublic(subnet.subnetId);
  const { x, y, height } = place;
  const group = element("g", {}, element("rect", { x, y, width: COLUMN, height, rx: 6, class: isPublic ? "box public" : "box" }),
    label(x + 8, y + 18, short(`${named(subnet.tagSet) || subnet.subnetId} · ${subnet.cidrBlock}`, 44)),
    label(x + 8, y + 34, short(`${isPublic ? "public" : "private"} · ${wayOut(found.tableOf(subnet.subnetId))}`, 46), { class: "soft" }));
  place.machines.forEach((each, at) => {
    const top = y + HEAD + at * MACHINE;
    const name = named(each.tagSet) || each.instanceId;
    const groups = (Array.isArray(each.groupSet) ? each.groupSet : []).map((one) => one.groupName).join(", ");
    const spot = element("g", { role: "button", tabindex: 0, "aria-pressed": "false", "data-instance": each.instanceId, "aria-label": `${name}: ${text("Who reaches whom")}` },
      box(x + 8, top, COLUMN - 16, MACHINE - 6, `${each.instanceState.name === "running" ? "▶" : "■"} ${name} · ${each.privateIpAddress || ""}`, groups, "box"));
    spot.addEventListener("click", () => press(each.instanceId));
    spot.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); press(each.instanceId); }
    });
    spots.set(each.instanceId, { x: x + COLUMN - 8, y: top + (MACHINE - 6) / 2 });
    group.append(spot);
  });
  return group;
}

// Lines from everybody who reaches it to the instance that was pressed, with the ports.
function show(over, svg, spots, reached, id) {
  over.replaceChildren();
  for (const each of svg.querySelectorAll("[data-instance]")) each.setAttribute("aria-pressed", String(each.dataset.instance === id));
  const end = spots.get(id);
  for (const { from, ports } of reached.filter(({ to }) => to.id === id)) {
    const start = spots.get(from.id);
    if (!start) continue;
    const bend = Math.max(start.x, end.x) + 30;
    over.append(element("path", { class: "reach", d: `M${start.x} ${start.y} C${bend} ${start.y} ${bend} ${end.y} ${end.x} ${end.y}` }),
      element("circle", { cx: end.x, cy: end.y, r: 4, class: "bar" }), label(start.x - 6, start.y + 12, short(ports.join(", "), 30), { "font-weight": 600, "text-anchor": "end" }));
  }
}
