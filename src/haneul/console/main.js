// The console's frame: who is signed in, which page the address names.

import { json, session } from "./aws.js";
import { currentLanguage, flash, h, setLanguage, text } from "./page.js";
import * as bill from "./pages/bill.js";
import * as buckets from "./pages/buckets.js";
import * as databases from "./pages/databases.js";
import * as functions from "./pages/functions.js";
import * as home from "./pages/home.js";
import * as identity from "./pages/identity.js";
import * as log from "./pages/log.js";
import * as queues from "./pages/queues.js";
import * as tables from "./pages/tables.js";
import * as vaults from "./pages/vaults.js";

const PAGES = { home, buckets, tables, queues, databases, functions, vaults, identity, log, bill };
const main = document.getElementById("main");
let turn = 0;

function menu(current) {
  document.getElementById("menu").replaceChildren(
    ...Object.keys(PAGES).map((name) => h("li", {}, h("a", { href: `#${name}`, ...(name === current ? { "aria-current": "page" } : {}) }, text(name)))),
  );
}

async function show() {
  const [name, ...rest] = decodeURI(location.hash.slice(1) || "home").split("/");
  const page = PAGES[name] ? name : "home";
  const mine = (turn += 1);
  menu(page);
  document.title = `${text(page)} · Haneul`;
  const place = h("section", { "aria-busy": "true" });
  main.replaceChildren(h("h1", {}, text(page)), place);
  try {
    const content = await PAGES[page].render(rest.map(decodeURIComponent), () => mine === turn && show());
    if (mine === turn) place.replaceChildren(...[content].flat());
  } catch (error) {
    if (mine === turn) place.replaceChildren(h("p", { class: "bad", role: "alert" }, `${error.code || "Error"}: ${error.message}`));
  }
  place.removeAttribute("aria-busy");
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
    flash(`${error.code}: ${error.message}`, true);
  }
  show();
});
document.getElementById("language").addEventListener("click", () => {
  setLanguage(currentLanguage() === "ko" ? "en" : "ko");
  const other = currentLanguage() === "ko" ? "en" : "ko";
  const button = document.getElementById("language");
  button.textContent = other === "ko" ? "한국어" : "English";
  button.lang = other;
  show();
});
addEventListener("hashchange", () => {
  main.focus();
  show();
});
setLanguage(currentLanguage());
show();
