// The console's frame: who is signed in, which page the address names. A page's module is loaded when it is first opened.

import { json, session } from "./aws.js";
import { currentLanguage, flash, h, setLanguage, text, told } from "./page.js";

const MENU = {
  "": ["home", "map"],
  Compute: ["instances", "images", "scaling", "functions"],
  Storage: ["buckets", "volumes", "vaults"],
  Databases: ["tables", "databases"],
  Networking: ["network", "groups"],
  Messages: ["queues"],
  Account: ["identity", "logs", "bill", "log"],
};
const PAGES = Object.values(MENU).flat();
const THEMES = ["", "light", "dark"];
const main = document.getElementById("main");
let turn = 0;
let shown = "";

function menu(current) {
  const link = (name) => h("li", {}, h("a", { href: `#${name}`, ...(name === current ? { "aria-current": "page" } : {}) }, text(name)));
  document.getElementById("menu").replaceChildren(...Object.entries(MENU).flatMap(([title, names]) =>
    [title ? h("h2", {}, text(title)) : null, h("ul", {}, names.map(link))].filter(Boolean)));
}

// The address without its "main": the skip link's target is an anchor, not a page.
let last = "home";
function address() {
  const hash = location.hash.slice(1);
  if (hash !== "main") last = hash || "home";
  return last.split("/").map(decodeURIComponent);
}

async function show() {
  const [name, ...rest] = address();
  const page = PAGES.includes(name) ? name : "home";
  const mine = (turn += 1);
  const here = [currentLanguage(), page, ...rest].join("/");
  document.title = `${[text(page), ...rest].join(" · ")} · Haneul`;
  // The same page again, after something was done on it: what is shown stays until the new is there, and so does the focus.
  const focused = here === shown ? focusOf(document.activeElement) : undefined;
  if (here !== shown) {
    menu(page);
    main.replaceChildren(h("h1", {}, text(page)), h("section"));
  }
  shown = here;
  const place = main.querySelector("section");
  place.setAttribute("aria-busy", "true");
  try {
    if (!crypto.subtle) throw new Error(text("Browsers sign only on https or on localhost: open this page by one of them."));
    const { render } = await import(`./pages/${page}.js`);
    const content = await render(rest, () => mine === turn && show());
    if (mine === turn) place.replaceChildren(...[content].flat(Infinity).filter(Boolean));
    if (mine === turn && focused && document.activeElement === document.body) [...place.querySelectorAll(FOCUSABLE)].find((element) => focusOf(element) === focused)?.focus();
  } catch (error) {
    if (mine === turn) place.replaceChildren(h("p", { class: "bad", role: "alert" }, told(error)));
  }
  if (mine === turn) place.removeAttribute("aria-busy");
}

const FOCUSABLE = "button, input, select, textarea, a";
const focusOf = (element) => (element?.matches(FOCUSABLE) ? [element.tagName, element.id, element.dataset.key, element.ariaLabel, element.labels?.[0]?.textContent, element.tagName === "SELECT" ? "" : element.textContent].join("|") : undefined);

function setTheme(theme) {
  localStorage.setItem("theme", theme);
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

function showLanguage() {
  const other = currentLanguage() === "ko" ? "en" : "ko";
  const button = document.getElementById("language");
  button.textContent = other === "ko" ? "한국어" : "English";
  button.lang = other;
}

for (const name of ["access", "secret", "token", "region"]) document.getElementById(name).value = session[name];
document.getElementById("session").addEventListener("submit", async (event) => {
  event.preventDefault();
  for (const name of ["access", "secret", "token", "region"]) session[name] = document.getElementById(name).value.trim();
  session.save();
  try {
    await json("dynamodb", "DynamoDB_20120810.ListTables", { Limit: 1 });
    flash(text("signedInAs", session.access));
  } catch (error) {
    flash(told(error), true);
  }
  shown = ""; // nothing of whoever was here before stays in sight
  show();
});
document.getElementById("language").addEventListener("click", () => {
  setLanguage(currentLanguage() === "ko" ? "en" : "ko");
  showLanguage();
  show();
});
document.getElementById("theme").addEventListener("click", () => {
  setTheme(THEMES[(THEMES.indexOf(localStorage.getItem("theme") || "") + 1) % THEMES.length]);
});
addEventListener("hashchange", () => {
  main.focus();
  if (location.hash !== "#main") show();
});
setTheme(localStorage.getItem("theme") || "");
setLanguage(currentLanguage());
showLanguage();
show();
