// The last requests of this account, newest first, renewed every two seconds while the page is open.

import { inside } from "../aws.js";
import { field, h, number, select, table, text } from "../page.js";

const SHOWN = 200;

export async function render() {
  const place = h("div");
  const [label, filter] = field(text("filter"), { type: "search", placeholder: "s3.Put, 404, NoSuchKey" });
  const [stateLabel, state] = select(text("status"), [["0", "*"], ["400", "≥ 400"], ["500", "≥ 500"]]);
  const [serviceLabel, service] = select(text("service"), [["", "*"]]);
  const paused = h("input", { type: "checkbox" });
  let entries = [];
  let most = SHOWN;

  function draw() {
    const wanted = filter.value.toLowerCase();
    const fitting = entries.filter((entry) => entry.status >= Number(state.value) && (!service.value || entry.service === service.value)
      && `${entry.service}.${entry.operation} ${entry.status} ${entry.code}`.toLowerCase().includes(wanted));
    place.replaceChildren(table([text("time"), text("service"), text("operation"), text("status"), text("code"), text("took")],
      fitting.slice(0, most).map((entry) => [new Date(entry.when * 1000).toLocaleTimeString(), entry.service, entry.operation,
        h("span", entry.status >= 400 ? { class: "bad" } : {}, String(entry.status)), entry.code, number((entry.took * 1000).toFixed(1))]), "haneul logs"));
    if (fitting.length > most) place.append(h("p", {}, h("button", { type: "button", onclick: () => { most += SHOWN; draw(); } }, text("More"))));
  }

  async function load() {
    entries = (await inside("/_haneul/log")).entries.reverse();
    const known = new Set([...service.options].map((option) => option.value));
    for (const name of [...new Set(entries.map((entry) => entry.service))].sort()) if (!known.has(name)) service.append(h("option", { value: name }, name));
    draw();
  }
  await load();
  for (const input of [filter, state, service]) input.addEventListener("input", draw);
  const timer = setInterval(() => {
    if (!place.isConnected) clearInterval(timer);
    else if (!paused.checked) load().catch(() => {});
  }, 2000);
  return [h("div", { class: "tools" }, label, stateLabel, serviceLabel, h("label", {}, paused, ` ${text("Pause")}`)), place];
}
