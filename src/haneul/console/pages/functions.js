// Lambda: the functions, and a test event for one of them.

import { field, h, safely, table, text } from "../page.js";
import { rest } from "../rest.js";

const PATH = "/2015-03-31/functions";

export async function render() {
  const { Functions: functions } = await rest("lambda", "GET", `${PATH}/`);
  const [label, event] = field(text("testEvent"), { rows: 5, id: "event" });
  event.value = "{}";
  const result = h("pre", { tabindex: 0, "aria-live": "polite" });
  const run = (name) => safely(async () => {
    const told = await rest("lambda", "POST", `${PATH}/${name}/invocations`, { body: JSON.stringify(JSON.parse(event.value)) });
    result.textContent = JSON.stringify(told, null, 2);
  });
  return [table([text("name"), "Runtime", text("modified"), ""], functions.map((row) => [row.FunctionName, row.Runtime || row.PackageType, row.LastModified,
    h("button", { onclick: run(row.FunctionName), "aria-label": `${text("run")} ${row.FunctionName}` }, text("run"))])), label, result];
}
