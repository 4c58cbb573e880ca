// DynamoDB: the tables, one table's items with an editor, queries by key, and a PartiQL box.

import { json } from "../aws.js";
import { collect, listing } from "../listing.js";
import { button, field, flash, h, number, pairs, safely, select, text } from "../page.js";
import { tone } from "../states.js";

const call = (operation, members) => json("dynamodb", `DynamoDB_20120810.${operation}`, members);
const TYPES = [["S", "S"], ["N", "N"], ["B", "B"]];
const shown = (value) => { const [[type, inner]] = Object.entries(value); return type === "S" || type === "N" || type === "B" ? String(inner) : JSON.stringify(inner); };

export const render = ([name], again) => (name ? inTable(name, again) : list(again));

async function list(again) {
  const page = async (from) => {
    const answer = await call("ListTables", { Limit: 50, ...(from ? { ExclusiveStartTableName: from } : {}) });
    const items = await Promise.all(answer.TableNames.map(async (name) => (await call("DescribeTable", { TableName: name })).Table));
    return { items, next: answer.LastEvaluatedTableName || "" };
  };
  return [creation(again), await listing({
    heads: [text("name"), text("State"), text("items"), text("size"), text("Keys")], page, key: (each) => each.TableName, busy: (each) => each.TableStatus !== "ACTIVE",
    empty: "aws dynamodb create-table --table-name Music --billing-mode PAY_PER_REQUEST \\\n  --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH",
    cells: (each) => [h("a", { href: `#tables/${each.TableName}` }, each.TableName), tone(each.TableStatus), number(String(each.ItemCount)), number(String(each.TableSizeBytes)),
      each.KeySchema.map((key) => key.AttributeName).join(", ")],
    actions: [{ label: "delete", danger: true, run: async (names) => { for (const name of names) await call("DeleteTable", { TableName: name }); } }],
  })];
}

function creation(again) {
  const [nameLabel, name] = field(text("name"), { required: true, minlength: 3, maxlength: 255 });
  const [keyLabel, key] = field(text("Partition key"), { required: true, value: "id", size: 10 });
  const [keyTypeLabel, keyType] = select("", TYPES, { "aria-label": `${text("Partition key")} ${text("Type")}` });
  const [sortLabel, sort] = field(text("Sort key"), { size: 10 });
  const [sortTypeLabel, sortType] = select("", TYPES, { "aria-label": `${text("Sort key")} ${text("Type")}` });
  return h("form", { class: "tools", onsubmit: safely(async () => {
    const keys = [[key.value, keyType.value, "HASH"], ...(sort.value ? [[sort.value, sortType.value, "RANGE"]] : [])];
    await call("CreateTable", {
      TableName: name.value, BillingMode: "PAY_PER_REQUEST", KeySchema: keys.map(([AttributeName, , KeyType]) => ({ AttributeName, KeyType })),
      AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    });
    again();
  }) }, nameLabel, keyLabel, keyTypeLabel, sortLabel, sortTypeLabel, h("button", { type: "submit" }, text("create")));
}

async function inTable(name, again) {
  const { Table: described } = await call("DescribeTable", { TableName: name });
  const keys = described.KeySchema.map((part) => part.AttributeName);
  const types = Object.fromEntries(described.AttributeDefinitions.map((each) => [each.AttributeName, each.AttributeType]));
  const keyOf = (item) => Object.fromEntries(keys.map((key) => [key, item[key]]));
  const editor = itemEditor(name, keys, types, () => draw());
  const [wantedLabel, wanted] = field(`${keys[0]} =`, { placeholder: text("All items") });
  const place = h("div");

  async function draw() {
    const asked = wanted.value === "" ? ["Scan", {}] : ["Query", { KeyConditionExpression: "#k = :k", ExpressionAttributeNames: { "#k": keys[0] }, ExpressionAttributeValues: { ":k": { [types[keys[0]]]: wanted.value } } }];
    const page = async (from) => {
      const answer = await call(asked[0], { TableName: name, Limit: 50, ...asked[1], ...(from ? { ExclusiveStartKey: from } : {}) });
      return { items: answer.Items, next: answer.LastEvaluatedKey || "" };
    };
    place.replaceChildren(await listing({
      heads: [...keys, text("items")], page, key: (item) => JSON.stringify(keyOf(item)),
      empty: `aws dynamodb put-item --table-name ${name} --item '${JSON.stringify(Object.fromEntries(keys.map((key) => [key, { [types[key]]: "1" }])))}'`,
      cells: (item) => [h("a", { href: "#", onclick: (event) => { event.preventDefault(); editor.edit(item); } }, shown(item[keys[0]])), ...keys.slice(1).map((key) => shown(item[key])),
        h("code", {}, JSON.stringify(Object.fromEntries(Object.entries(item).filter(([key]) => !keys.includes(key)))))],
      actions: [{ label: "delete", danger: true, run: async (found) => { for (const key of found) await call("DeleteItem", { TableName: name, Key: JSON.parse(key) }); } }],
    }));
  }
  await draw();
  return [h("p", {}, h("a", { href: "#tables" }, text("back")), ` · ${name}`), pairs([[text("State"), tone(described.TableStatus)], [text("items"), String(described.ItemCount)],
    ["ARN", described.TableArn], [text("Indexes"), (described.GlobalSecondaryIndexes || []).map((each) => each.IndexName).join(", ")]]),
  h("h2", {}, text("items")), h("form", { class: "tools", onsubmit: safely(draw) }, wantedLabel, h("button", { type: "submit" }, text("scan"))), place, editor.place, partiql(name)];
}

// An item as DynamoDB JSON, or as plain JSON that is typed on saving.
function itemEditor(name, keys, types, saved) {
  const [label, area] = field(text("newItem"), { rows: 8, id: "item", spellcheck: "false" });
  const plain = h("input", { type: "checkbox", id: "plain" });
  area.value = JSON.stringify(Object.fromEntries(keys.map((key) => [key, { [types[key]]: "" }])), null, 2);
  plain.addEventListener("change", safely(() => {
    try {
      const now = JSON.parse(area.value);
      area.value = JSON.stringify(plain.checked ? untyped({ M: now }) : typed(now).M, null, 2);
    } catch (error) {
      plain.checked = !plain.checked;
      throw error;
    }
  }));
  const save = async () => {
    const now = JSON.parse(area.value);
    await call("PutItem", { TableName: name, Item: plain.checked ? typed(now).M : now });
    flash(text("done"));
    await saved();
  };
  const edit = (item) => { area.value = JSON.stringify(plain.checked ? untyped({ M: item }) : item, null, 2); area.focus(); };
  return { edit, place: h("div", {}, h("h2", {}, text("newItem")), label, h("div", { class: "tools" }, button("save", save, { class: "primary" }), h("label", {}, plain, ` ${text("Plain JSON")}`))) };
}

export function untyped(value) {
  const [[type, inner]] = Object.entries(value);
  if (type === "M") return Object.fromEntries(Object.entries(inner).map(([name, each]) => [name, untyped(each)]));
  if (type === "L") return inner.map(untyped);
  if (type === "N") return Number(inner);
  if (type === "S" || type === "BOOL") return inner;
  if (type === "NULL") return null;
  throw new Error(`${type} has no plain form`); // sets and bytes: kept typed
}

export function typed(value) {
  if (value === null) return { NULL: true };
  if (Array.isArray(value)) return { L: value.map(typed) };
  if (typeof value === "object") return { M: Object.fromEntries(Object.entries(value).map(([name, each]) => [name, typed(each)])) };
  return typeof value === "number" ? { N: String(value) } : typeof value === "boolean" ? { BOOL: value } : { S: value };
}

function partiql(name) {
  const [label, input] = field(text("partiql"), { value: `SELECT * FROM "${name}"`, size: 60 });
  const result = h("pre", { tabindex: 0 });
  const run = safely(async () => {
    const items = (await collect(async (token) => {
      const answer = await call("ExecuteStatement", { Statement: input.value, ...(token ? { NextToken: token } : {}) });
      return { items: answer.Items || [], next: answer.NextToken || "" };
    }, 500)).items;
    result.textContent = JSON.stringify(items, null, 2);
    flash(text("done"));
  });
  return [h("h2", {}, "PartiQL"), h("form", { class: "tools", onsubmit: run }, label, h("button", { type: "submit" }, text("run"))), result];
}
