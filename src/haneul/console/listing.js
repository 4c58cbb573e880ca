// A list of things that may be long and may change by itself: pages, marks with actions for what is marked, a filter, renewal.

import { flash, h, heading, nothing, safely, text, told } from "./page.js";

const PAGE = 50;
const SOON = 1500;

// page(token) -> {items, next}: as many pages as it takes to have `limit` items.
export async function collect(page, limit = Infinity) {
  const items = [];
  let next = "";
  do {
    const got = await page(next);
    items.push(...got.items);
    next = got.next;
  } while (next && items.length < limit);
  return { items, more: Boolean(next) };
}

/* What it takes:
   heads: names of columns · page: see `collect` · key(item): its id · cells(item): one row · empty: a command that makes something
   actions: [{label, run(ids), danger}] for what is marked · busy(item): it is about to change, look again soon */
export async function listing({ heads, page, key, cells, empty = "", actions = [], busy = () => false }) {
  const marked = new Set();
  const place = h("div");
  const filter = h("input", { type: "search", "aria-label": text("filter"), placeholder: text("filter") });
  const buttons = actions.map((action) => h("button", {
    type: "button", disabled: true, class: action.danger ? "danger" : "", onclick: safely(() => act(action)),
  }, text(action.label)));
  let limit = PAGE;
  let seen = { items: [], more: false };
  let timer = 0;

  async function act(action) {
    const ids = [...marked];
    if (action.danger && !confirm(text("really", text(action.label), ids.join(", ")))) return;
    try {
      await action.run(ids);
    } finally {
      await load();
    }
  }

  function mark(id, on) {
    if (on) marked.add(id);
    else marked.delete(id);
    for (const button of buttons) button.disabled = marked.size === 0;
  }

  function draw() {
    const wanted = filter.value.toLowerCase();
    const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const rows = seen.items.map((item) => [item, h("tr", {}, mark_of(item), cells(item).map(cell))])
      .filter(([, row]) => row.textContent.toLowerCase().includes(wanted));
    const first = seen.items.length ? [undefined, ...cells(seen.items[0])] : [];
    const titles = heading([actions.length ? h("th", { scope: "col" }, all(rows)) : null, ...heads].filter(Boolean), actions.length ? first : first.slice(1));
    place.replaceChildren(seen.items.length === 0 ? nothing(empty)
      : h("table", {}, h("thead", {}, titles), h("tbody", {}, rows.map(([, row]) => row))));
    if (seen.more) place.append(h("p", {}, h("button", { type: "button", onclick: safely(() => { limit += PAGE; return load(); }) }, text("More"))));
    if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  const cell = (content) => (content instanceof Node && content.tagName === "TD" ? content : h("td", {}, content));

  function mark_of(item) {
    if (actions.length === 0) return null;
    const id = key(item);
    const box = h("input", { type: "checkbox", "data-key": id, "aria-label": `${text("Select")} ${id}`, onchange: () => mark(id, box.checked) });
    box.checked = marked.has(id);
    return h("td", {}, box);
  }

  function all(rows) {
    const box = h("input", { type: "checkbox", "aria-label": text("Select all"), "data-key": "*", onchange: () => {
      for (const [item] of rows) mark(key(item), box.checked);
      draw();
    } });
    box.checked = rows.length > 0 && rows.every(([item]) => marked.has(key(item)));
    return box;
  }

  async function load() {
    clearTimeout(timer);
    seen = await collect(page, limit);
    const there = new Set(seen.items.map(key));
    for (const id of [...marked]) if (!there.has(id)) mark(id, false);
    draw();
    if (seen.items.some(busy)) timer = setTimeout(() => place.isConnected && load().catch((error) => flash(told(error), true)), SOON);
  }

  filter.addEventListener("input", draw);
  await load();
  return h("div", {}, h("div", { class: "tools" }, buttons, filter,
    h("button", { type: "button", onclick: safely(load) }, text("Refresh"))), place);
}
