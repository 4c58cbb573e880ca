// A map of the account in this region: what exists, and what each service has cost this month.

import { month } from "../costs.js";
import { INVENTORY } from "../inventory.js";
import { h, text } from "../page.js";
import { colour, money } from "../plot.js";

const SHOWN = 12;

export async function render() {
  const costs = month("SERVICE").then((rows) => new Map(rows.map((row) => [row.keys[0], row.cost])), () => new Map());
  const found = await Promise.all(INVENTORY.map(async (service) => {
    try { return { ...service, things: await service.look() }; } catch (error) { return { ...service, things: [], refused: error.code || String(error) }; }
  }));
  const paid = await costs;
  const priced = found.map((service) => ({ ...service, cost: service.bill.reduce((sum, name) => sum + (paid.get(name) || 0), 0) }));
  const total = [...paid.values()].reduce((sum, cost) => sum + cost, 0);
  const full = priced.filter((service) => service.things.length > 0 || service.refused);
  const bare = priced.filter((service) => service.things.length === 0 && !service.refused);
  return [h("div", { class: "cards" }, h("div", { class: "card" }, h("b", {}, String(found.reduce((sum, service) => sum + service.things.length, 0))), text("Resources")),
    h("a", { class: "card", href: "#bill" }, h("b", {}, money(total)), text("This month so far"))),
  share([...paid].filter(([, cost]) => cost > 0).sort((a, b) => b[1] - a[1]), total),
  h("div", { class: "map" }, full.map(area)), h("h2", {}, text("Empty")), h("p", { class: "quiet" }, bare.map((service, at) => [at ? " · " : "", service.page ? h("a", { href: `#${service.page}` }, service.title) : service.title]))];
}

// One bar for the whole bill, a piece for each service.
function share(parts, total) {
  if (total <= 0) return null;
  return [h("div", { class: "share", role: "img", "aria-label": parts.map(([name, cost]) => `${name} ${money(cost)}`).join(", ") }, parts.map(([name, cost], at) =>
    h("span", { style: `flex-grow:${cost / total};background:${colour(at, parts.length)}`, title: `${name} ${money(cost)}` }))),
  h("ul", { class: "legend" }, parts.slice(0, 8).map(([name, cost], at) => h("li", {}, h("span", { class: "swatch", style: `background:${colour(at, parts.length)}` }), `${name} ${money(cost)}`)))];
}

function area(service) {
  const chip = (thing) => (thing.link ? h("a", { class: "chip", href: `#${thing.link}` }, thing.name) : h("span", { class: "chip" }, thing.name));
  const more = service.things.length - SHOWN;
  return h("section", { class: "card", style: `--size:${Math.min(3, 1 + Math.floor(service.things.length / 5))}` },
    h("h3", {}, service.page ? h("a", { href: `#${service.page}` }, service.title) : service.title, h("span", { class: "quiet" }, ` ${service.things.length} · ${money(service.cost)}`)),
    service.refused ? h("p", { class: "bad" }, service.refused) : h("div", { class: "chips" }, service.things.slice(0, SHOWN).map(chip), more > 0 ? h("span", { class: "quiet" }, `+${more}`) : null));
}
