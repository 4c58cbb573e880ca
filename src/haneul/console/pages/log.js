// The last requests of this account, newest first, renewed every two seconds while the page is open.

import { inside } from "../aws.js";
import { field, h, number, table, text } from "../page.js";

export async function render() {
  const place = h("div");
  const [label, filter] = field(text("filter"), { type: "search" });
  async function load() {
    const { entries } = await inside("/_haneul/log");
    const wanted = filter.value.toLowerCase();
    const rows = entries.reverse().filter((entry) => `${entry.service}.${entry.operation} ${entry.status} ${entry.code}`.toLowerCase().includes(wanted));
    place.replaceChildren(table([text("time"), text("service"), text("operation"), text("status"), text("code"), text("took")],
      rows.slice(0, 200).map((entry) => [new Date(entry.when * 1000).toLocaleTimeString(), entry.service, entry.operation,
        h("span", entry.status >= 400 ? { class: "bad" } : {}, String(entry.status)), entry.code, number((entry.took * 1000).toFixed(1))])));
  }
  await load();
  filter.addEventListener("input", load);
  const timer = setInterval(() => (place.isConnected ? load().catch(() => {}) : clearInterval(timer)), 2000);
  return [h("div", { class: "tools" }, label), place];
}
