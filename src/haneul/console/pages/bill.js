// What the usage would cost at AWS: by day and service as stacked bars, this month by usage, and what the month may come to.

import { daily, day, forecast, month } from "../costs.js";
import { button, give, h, number, safely, select, table, text } from "../page.js";
import { colour, money, stacked } from "../plot.js";

export async function render() {
  const [rows, coming] = await Promise.all([month("SERVICE", "USAGE_TYPE"), forecast().catch(() => undefined)]);
  const total = rows.reduce((sum, row) => sum + row.cost, 0);
  const place = h("div");
  const [label, span] = select(text("Days"), [[14, "14"], [30, "30"], [90, "90"]], { id: "days" });
  const draw = safely(async () => place.replaceChildren(...plot(await daily(Number(span.value)))));
  span.addEventListener("change", draw);
  await draw();
  const card = (title, value) => h("div", { class: "card" }, h("b", {}, value), text(title));
  rows.sort((a, b) => b.cost - a.cost);
  return [h("div", { class: "cards" }, card("This month so far", money(total)), coming === undefined ? null : card("Expected this month", money(total + coming))),
    h("h2", {}, text("byDay")), h("p", { class: "tools" }, label), place, h("h2", {}, text("thisMonth")), h("p", { class: "tools" }, button("CSV", () => csv(rows))),
    table([text("service"), text("Usage"), text("quantity"), text("cost")], rows.map((row) => [row.keys[0], row.keys[1], number(`${row.quantity.toFixed(4)} ${row.unit}`), number(row.cost.toFixed(6))]),
      "aws ce get-cost-and-usage --granularity DAILY --metrics UnblendedCost --time-period Start=2026-01-01,End=2026-02-01\nhaneul cost")];
}

function plot(days) {
  const sums = {};
  for (const [, parts] of days) for (const [name, value] of Object.entries(parts)) sums[name] = (sums[name] || 0) + value;
  const series = Object.keys(sums).filter((name) => sums[name] > 0).sort((a, b) => sums[b] - sums[a]);
  const legend = h("ul", { class: "legend" }, series.map((name, at) => h("li", {}, h("span", { class: "swatch", style: `background:${colour(at, series.length)}` }), `${name} ${money(sums[name])}`)));
  return [stacked(days, series), legend];
}

const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
const csv = (rows) => give(`cost-${day(0)}.csv`, ["service,usage,quantity,unit,cost", ...rows.map((row) => [...row.keys, row.quantity, row.unit, row.cost].map(quoted).join(","))].join("\n"), "text/csv");
