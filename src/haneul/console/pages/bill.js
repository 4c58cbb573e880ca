// What the usage would cost at AWS: by day as bars, and this month by usage.

import { json } from "../aws.js";
import { h, number, table, text } from "../page.js";

const ask = (members) => json("ce", "AWSInsightsIndexService.GetCostAndUsage", { Metrics: ["UnblendedCost", "UsageQuantity"], ...members }, "1.1");
const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

export async function render() {
  const month = { Start: day(0).slice(0, 8) + "01", End: day(1) };
  const [daily, monthly] = await Promise.all([
    ask({ TimePeriod: { Start: day(-13), End: day(1) }, Granularity: "DAILY" }),
    ask({ TimePeriod: month, Granularity: "MONTHLY", GroupBy: [{ Type: "DIMENSION", Key: "SERVICE" }, { Type: "DIMENSION", Key: "USAGE_TYPE" }] }),
  ]);
  const rows = monthly.ResultsByTime.flatMap((result) => result.Groups).map((group) => [group.Keys[0], group.Keys[1],
    number(Number(group.Metrics.UsageQuantity.Amount).toFixed(4) + " " + group.Metrics.UsageQuantity.Unit),
    number(Number(group.Metrics.UnblendedCost.Amount).toFixed(6))]);
  return [h("h2", {}, text("byDay")), bars(daily.ResultsByTime.map((result) => [result.TimePeriod.Start, Number(result.Total.UnblendedCost.Amount)])),
    h("h2", {}, text("thisMonth")), table([text("service"), "", text("quantity"), text("cost")], rows)];
}

function bars(days) {
  const most = Math.max(...days.map(([, cost]) => cost), 1e-9);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 640 ${days.length * 20 + 4}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", days.map(([date, cost]) => `${date}: $${cost.toFixed(6)}`).join(", "));
  const add = (name, attributes, content = "") => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = content;
    svg.append(element);
  };
  days.forEach(([date, cost], at) => {
    add("text", { x: 0, y: at * 20 + 14 }, date);
    add("rect", { x: 84, y: at * 20 + 3, width: Math.max(1, (cost / most) * 440), height: 14, rx: 2 });
    add("text", { x: 92 + (cost / most) * 440, y: at * 20 + 14 }, `$${cost.toFixed(6)}`);
  });
  return svg;
}
