// Lambda: the functions; one of them with its code, a test event, its answer and its log.

import { AwsError, send } from "../aws.js";
import { base64, code } from "../code.js";
import { listing } from "../listing.js";
import { button, bytes, field, h, number, pairs, safely, select, text } from "../page.js";
import { members, query } from "../query.js";
import { rest } from "../rest.js";
import { tone } from "../states.js";
import { zip } from "../zip.js";

const PATH = "/2015-03-31/functions";
const STARTS = {
  "python3.13": ["lambda_function.py", "lambda_function.handler", "def handler(event, context):\n    return {\"hello\": event}\n"],
  "nodejs22.x": ["index.mjs", "index.handler", "export const handler = async (event) => ({ hello: event });\n"],
};

export const render = ([name], again) => (name ? one(name, again) : all());

async function all() {
  const page = async (marker) => {
    const answer = await rest("lambda", "GET", `${PATH}/`, { query: { MaxItems: 50, ...(marker ? { Marker: marker } : {}) } });
    return { items: answer.Functions, next: answer.NextMarker || "" };
  };
  return [await creation(), await listing({
    heads: [text("name"), "Runtime", text("size"), text("modified")], page, key: (each) => each.FunctionName,
    empty: "aws lambda create-function --function-name hello --runtime python3.13 --handler app.handler \\\n  --role arn:aws:iam::000000000000:role/app --zip-file fileb://app.zip",
    cells: (each) => [h("a", { href: `#functions/${each.FunctionName}` }, each.FunctionName), each.Runtime || each.PackageType, number(bytes(each.CodeSize)), each.LastModified],
    actions: [{ label: "delete", danger: true, run: async (names) => { for (const name of names) await rest("lambda", "DELETE", `${PATH}/${name}`); } }],
  })];
}

async function creation() {
  const roles = await query("iam", "2010-05-08", "ListRoles").then((page) => members(page, "Roles").map((read) => read("Arn")), () => []);
  const [nameLabel, name] = field(text("name"), { required: true, pattern: "[A-Za-z0-9_\\-]{1,64}" });
  const [runtimeLabel, runtime] = select("Runtime", Object.keys(STARTS).map((each) => [each, each]));
  const [roleLabel, role] = field(text("roles"), { required: true, list: "roles", size: 36, value: roles[0] || "", placeholder: "arn:aws:iam::000000000000:role/app" });
  const make = safely(async () => {
    const [path, handler, words] = STARTS[runtime.value];
    const archive = await zip(new Map([[path, { data: new TextEncoder().encode(words) }]]));
    await rest("lambda", "POST", PATH, { body: JSON.stringify({ FunctionName: name.value, Runtime: runtime.value, Role: role.value, Handler: handler, Code: { ZipFile: base64(archive) } }) });
    location.hash = `functions/${name.value}`;
  });
  return h("form", { class: "tools", onsubmit: make }, nameLabel, runtimeLabel, roleLabel, h("datalist", { id: "roles" }, roles.map((value) => h("option", { value }))),
    h("button", { type: "submit" }, text("create")));
}

async function one(name, again) {
  const { Configuration: told, Code: archive } = await rest("lambda", "GET", `${PATH}/${name}`);
  const place = h("div");
  if (told.PackageType !== "Image") {
    code(name, archive.Location, again).then((editor) => place.replaceChildren(editor), (error) => place.replaceChildren(h("p", { class: "bad" }, String(error.message))));
  }
  return [h("p", {}, h("a", { href: "#functions" }, text("back")), ` · ${name}`), pairs([["ARN", told.FunctionArn], ["Runtime", told.Runtime], ["Handler", told.Handler], [text("State"), tone(told.State)],
    [text("Memory"), `${told.MemorySize} MB`], ["Timeout", `${told.Timeout} s`], ["Role", told.Role], [text("modified"), told.LastModified]]), testing(name), h("h2", {}, text("Code")), place];
}

function testing(name) {
  const [label, event] = field(text("testEvent"), { rows: 4, id: "event", spellcheck: "false" });
  event.value = '{"key": "value"}';
  const state = h("p", { role: "status", id: "outcome" });
  const result = h("pre", { tabindex: 0, id: "result" });
  const log = h("pre", { tabindex: 0 });
  const run = async () => {
    const body = JSON.stringify(JSON.parse(event.value));
    const answer = await send({ method: "POST", path: `${PATH}/${name}/invocations`, body, headers: { "x-amz-log-type": "Tail" }, service: "lambda" });
    const words = await answer.text();
    if (!answer.ok) {
      const said = JSON.parse(words || "{}");
      throw new AwsError((answer.headers.get("x-amzn-errortype") || `HTTP ${answer.status}`).split(":")[0], said.message || said.Message, answer.status);
    }
    const failed = answer.headers.get("x-amz-function-error");
    state.className = failed ? "bad" : "good";
    state.textContent = failed ? `${failed} error` : text("done");
    try { result.textContent = JSON.stringify(JSON.parse(words), null, 2); } catch { result.textContent = words; }
    const tail = Uint8Array.from(atob(answer.headers.get("x-amz-log-result") || ""), (letter) => letter.charCodeAt(0));
    log.textContent = new TextDecoder().decode(tail);
  };
  return h("div", {}, h("h2", {}, text("run")), label, h("p", { class: "tools" }, button("run", run, { class: "primary", id: "run" })), state, result, log);
}
