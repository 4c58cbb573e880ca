// DynamoDB: tables, their items as DynamoDB JSON, and a PartiQL box.

import { json } from "../aws.js";
import { field, flash, h, safely, table, text } from "../page.js";

const call = (operation, members) => json("dynamodb", `DynamoDB_20120810.${operation}`, members);

export const render = ([name], again) => (name ? inTable(name, again) : list(again));

async function list(again) {
  const names = (await call("ListTables", {})).TableNames;
  const described = await Promise.all(names.map(async (name) => (await call("DescribeTable", { TableName: name })).Table));
  const [nameLabel, name] = field(text("name"), { required: true, minlength: 3 });
  const [keyLabel, key] = field(text("key"), { required: true, value: "id" });
  const form = h("form", { class: "tools", onsubmit: safely(async () => {
    await call("CreateTable", {
      TableName: name.value, BillingMode: "PAY_PER_REQUEST", KeySchema: [{ AttributeName: key.value, KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: key.value, AttributeType: "S" }],
    });
    again();
  }) }, nameLabel, keyLabel, h("button", { type: "submit" }, text("create")));
  const rows = described.map((row) => [h("a", { href: `#tables/${row.TableName}` }, row.TableName), row.TableStatus, String(row.ItemCount),
    h("button", { class: "danger", onclick: safely(async () => {
      if (!confirm(text("sure", row.TableName))) return;
      await call("DeleteTable", { TableName: row.TableName });
      again();
    }) }, text("delete"))]);
  return [form, table([text("name"), text("status"), text("items"), ""], rows)];
}

async function inTable(name, again) {
  const { Table: described } = await call("DescribeTable", { TableName: name });
  const keys = described.KeySchema.map((part) => part.AttributeName);
  const items = (await call("Scan", { TableName: name, Limit: 100 })).Items;
  const [editorLabel, editor] = field(text("newItem"), { rows: 8 });
  editor.value = JSON.stringify(Object.fromEntries(keys.map((key) => [key, { S: "" }])), null, 2);
  const save = safely(async () => {
    await call("PutItem", { TableName: name, Item: JSON.parse(editor.value) });
    again();
  });
  const rows = items.map((item) => {
    const key = Object.fromEntries(keys.map((part) => [part, item[part]]));
    const edit = () => { editor.value = JSON.stringify(item, null, 2); editor.focus(); };
    const remove = safely(async () => {
      await call("DeleteItem", { TableName: name, Key: key });
      again();
    });
    return [h("button", { onclick: edit }, Object.values(key).map((value) => Object.values(value)[0]).join(" / ")), h("code", {}, JSON.stringify(item)),
      h("button", { class: "danger", onclick: remove }, text("delete"))];
  });
  return [h("p", {}, h("a", { href: "#tables" }, text("back")), ` · ${name} · ${described.TableStatus}`), table(keys.concat("", "").slice(0, 3), rows),
    h("h2", {}, text("newItem")), editorLabel, h("p", {}, h("button", { onclick: save }, text("save"))), partiql(name)];
}

function partiql(name) {
  const [label, input] = field(text("partiql"), { value: `SELECT * FROM "${name}"`, size: 60 });
  const result = h("pre", { tabindex: 0 });
  const run = safely(async () => {
    const { Items: items } = await call("ExecuteStatement", { Statement: input.value });
    result.textContent = JSON.stringify(items, null, 2);
    flash(text("done"));
  });
  return h("form", { class: "tools", onsubmit: run }, label, h("button", { type: "submit" }, text("run")), result);
}
