// What every page is made of: elements, tables, messages, and the two languages.

import { TEXTS } from "./texts.js";

let language = localStorage.getItem("language") || (navigator.language.startsWith("ko") ? "ko" : "en");

export const text = (name, ...values) => values.reduce((t, v, i) => t.replace(`{${i}}`, v), TEXTS[language][name] || name);
export const currentLanguage = () => language;

export function setLanguage(wanted) {
  language = wanted;
  localStorage.setItem("language", wanted);
  document.documentElement.lang = wanted;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
}

// h("button", { onclick, class: "danger" }, "Delete"): an element; text is always text, never markup.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null));
  return element;
}

// Where nothing is: what would make something, as a command to copy.
export const nothing = (command) => (command ? h("div", { class: "nothing" }, h("p", {}, text("fromCommandLine")), h("pre", { tabindex: 0 }, command))
  : h("p", { class: "quiet" }, text("empty")));

export function table(heads, rows, command = "") {
  if (rows.length === 0) return nothing(command);
  return h("table", {}, h("thead", {}, heading(heads, rows[0])),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => (cell instanceof Node && cell.tagName === "TD" ? cell : h("td", {}, cell)))))));
}

// Names of columns, over numbers at the right as they are.
export const heading = (heads, first) => h("tr", {}, heads.map((head, at) => (head instanceof Node ? head
  : h("th", { scope: "col", class: first?.[at] instanceof Node && first[at].className === "number" ? "number" : undefined }, head))));

export const number = (value) => h("td", { class: "number" }, value);

export function flash(message, bad = false) {
  const box = h("div", bad ? { class: "bad" } : {}, message);
  document.getElementById("flash").append(box);
  setTimeout(() => box.remove(), bad ? 12000 : 4000);
}

// Wraps what a button does: errors are shown with AWS's code and words.
export const safely = (work) => async (event) => {
  event?.preventDefault?.();
  try {
    await work(event);
  } catch (error) {
    flash(told(error), true);
  }
};

export function bytes(size) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  for (; size >= 1024 && at < units.length - 1; at += 1) size /= 1024;
  return `${at === 0 ? size : size.toFixed(1)} ${units[at]}`;
}

export const button = (label, work, more = {}) => h("button", { type: "button", onclick: safely(work), ...more }, text(label));

export function select(label, choices, attributes = {}) {
  const input = h("select", attributes, choices.map(([value, shown]) => h("option", { value }, shown)));
  return [h("label", {}, label + " ", input), input];
}

export const pairs = (entries) => h("dl", {}, entries.filter(([, value]) => value !== undefined && value !== "").map(([name, value]) =>
  h("div", {}, h("dt", {}, name), h("dd", {}, value))));

// A file made here and handed to the reader.
export function give(name, content, type = "application/octet-stream") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export const told = (error) => (error.code ? `${error.code}: ${error.message}` : String(error));

export function field(label, attributes = {}) {
  const input = h(attributes.rows ? "textarea" : "input", attributes);
  return [h("label", {}, label + " ", input), input];
}
