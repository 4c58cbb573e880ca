// An instance's figures of the last three hours, as CloudWatch keeps them, drawn as lines.

import { h, safely, text } from "./page.js";
import { flat, list, plain, query } from "./query.js";

const WIDTH = 300;
const HEIGHT = 70;
const METRICS = [["CPUUtilization", "Average", "%"], ["NetworkIn", "Sum", "B"], ["NetworkOut", "Sum", "B"], ["EBSWriteBytes", "Sum", "B"]];

export function figures(id) {
  const place = h("div", { class: "cards" });
  const load = safely(async () => {
    const end = new Date();
    const start = new Date(end - 3 * 3_600_000);
    const asked = METRICS.map(([name, stat], at) => ({ Id: `m${at}`, MetricStat: { Period: 300, Stat: stat, Metric: {
      Namespace: "AWS/EC2", MetricName: name, Dimensions: { member: [{ Name: "InstanceId", Value: id }] } } } }));
    const page = await query("monitoring", "2010-08-01", "GetMetricData", flat({ StartTime: start.toISOString(), EndTime: end.toISOString(), ScanBy: "TimestampAscending",
      MetricDataQueries: { member: asked } }));
    const results = list(plain(page.querySelector("MetricDataResults")));
    place.replaceChildren(...METRICS.map(([name, , unit], at) => plot(name, unit, results[at], start, end)));
  });
  load();
  return h("div", {}, h("h2", {}, text("Metrics")), place);
}

function plot(name, unit, result, start, end) {
  const values = list(result?.Values).map(Number);
  const times = list(result?.Timestamps).map((time) => new Date(time));
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, at) => `${((times[at] - start) / (end - start)) * WIDTH},${HEIGHT - (value / most) * HEIGHT}`).join(" ");
  const last = values.length ? `${values.at(-1).toPrecision(3)} ${unit}` : "-";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ viewBox: `-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`, role: "img", "aria-label": `${name}: ${last}` })) svg.setAttribute(key, value);
  const line = document.createElementNS(svg.namespaceURI, "polyline");
  line.setAttribute("points", points);
  line.setAttribute("class", "reach");
  svg.append(line);
  return h("div", { class: "card" }, `${name} `, h("span", { class: "quiet" }, last), svg);
}
