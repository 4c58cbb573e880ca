// CloudWatch Logs: groups; in one of them what was written, filtered by a pattern, followed live.

import { json } from "../aws.js";
import { listing } from "../listing.js";
import { bytes, field, h, number, safely, select, table, text } from "../page.js";

const call = (operation, members) => json("logs", `Logs_20140328.${operation}`, members, "1.1");
const SPANS = [[15, "15 min"], [60, "1 h"], [1440, "1 d"], [10080, "7 d"]];
const MOST = 500;
const TOO_MANY = 100_000;

export const render = ([name]) => (name ? group(name) : all());

const all = () => listing({
  heads: [text("name"), text("size"), text("Kept (days)"), text("Created")], key: (one) => one.logGroupName,
  page: async (token) => {
    const answer = await call("DescribeLogGroups", { limit: 50, ...(token ? { nextToken: token } : {}) });
    return { items: answer.logGroups, next: answer.nextToken || "" };
  },
  empty: "aws logs create-log-group --log-group-name app",
  cells: (one) => [h("a", { href: `#logs/${encodeURIComponent(one.logGroupName)}` }, one.logGroupName), number(bytes(one.storedBytes || 0)), number(String(one.retentionInDays || "∞")), new Date(one.creationTime).toLocaleString()],
  actions: [{ label: "delete", danger: true, run: async (names) => { for (const name of names) await call("DeleteLogGroup", { logGroupName: name }); } }],
});

async function group(name) {
  const [patternLabel, pattern] = field(text("filter"), { type: "search", placeholder: 'ERROR, "two words", { $.level = "warn" }', size: 34, id: "pattern" });
  const [spanLabel, span] = select(text("Span"), SPANS, { id: "span" });
  span.value = "60";
  const live = h("input", { type: "checkbox", id: "live" });
  const place = h("div", { "aria-live": "polite" });

  async function load() {
    const found = [];
    let nextToken;
    do {
      const answer = await call("FilterLogEvents", { logGroupName: name, startTime: Date.now() - Number(span.value) * 60_000, ...(pattern.value ? { filterPattern: pattern.value } : {}), ...(nextToken ? { nextToken } : {}) });
      found.push(...answer.events);
      nextToken = answer.nextToken;
    } while (nextToken && found.length < TOO_MANY);
    const rows = found.slice(-MOST).reverse();
    place.replaceChildren(table([text("time"), "Stream", text("message")], rows.map((event) => [new Date(event.timestamp).toLocaleTimeString(), event.logStreamName, h("code", {}, event.message)]),
      `aws logs tail ${name} --follow`));
  }
  await load();
  const timer = setInterval(() => {
    if (!place.isConnected && timer) return clearInterval(timer);
    if (live.checked) load().catch(() => { live.checked = false; });
  }, 2000);
  span.addEventListener("change", safely(load));
  return [h("p", {}, h("a", { href: "#logs" }, text("back")), ` · ${name}`),
    h("form", { class: "tools", onsubmit: safely(load) }, patternLabel, spanLabel, h("button", { type: "submit" }, text("Refresh")), h("label", {}, live, ` ${text("Live")}`)), place];
}
