// A box for SQL that only reads, through the Data API: the log-in that was typed lives in a secret as long as the statement runs.
// The statement runs in a transaction that is set to read only and rolled back.

import { json } from "./aws.js";
import { field, h, number, safely, table, text } from "./page.js";
import { rest } from "./rest.js";

const secrets = (operation, members) => json("secretsmanager", `secretsmanager.${operation}`, members, "1.1");
const data = (operation, members) => rest("rds-data", "POST", operation, { body: JSON.stringify(members), headers: { "content-type": "application/json" } });

export function sqlBox(resourceArn, database, user) {
  const [userLabel, name] = field(text("User"), { value: user, required: true, autocomplete: "off", id: "sql-user" });
  const [passwordLabel, password] = field(text("Password"), { type: "password", required: true, autocomplete: "off", id: "sql-password" });
  const [databaseLabel, where] = field(text("Database"), { value: database, id: "sql-database" });
  const [areaLabel, area] = field("SQL", { rows: 5, id: "sql", spellcheck: "false", required: true });
  area.value = "select table_schema, table_name from information_schema.tables order by 1, 2 limit 100";
  const result = h("div", { "aria-live": "polite", id: "sql-result" });
  const run = safely(async () => {
    result.replaceChildren(text("…"));
    try {
      result.replaceChildren(shown(await ask(resourceArn, name.value, password.value, where.value, area.value)));
    } catch (error) {
      result.replaceChildren();
      throw error;
    }
  });
  return h("form", { onsubmit: run }, h("h2", {}, "SQL"), h("p", { class: "tools" }, userLabel, passwordLabel, databaseLabel), areaLabel,
    h("p", { class: "tools" }, h("button", { type: "submit", class: "primary", id: "sql-run" }, text("run")), h("span", { class: "quiet" }, text("Reads only: nothing is changed."))), result);
}

async function ask(resourceArn, username, password, database, sql) {
  const { ARN: secretArn } = await secrets("CreateSecret", { Name: `haneul-console/${crypto.randomUUID()}`, SecretString: JSON.stringify({ username, password }) });
  const about = { resourceArn, secretArn, ...(database ? { database } : {}) };
  try {
    const { transactionId } = await data("/BeginTransaction", about);
    try {
      await data("/Execute", { ...about, transactionId, sql: "SET TRANSACTION READ ONLY" });
      return await data("/Execute", { ...about, transactionId, sql, includeResultMetadata: true });
    } finally {
      await data("/RollbackTransaction", { resourceArn, secretArn, transactionId }).catch(() => {});
    }
  } finally {
    await secrets("DeleteSecret", { SecretId: secretArn, ForceDeleteWithoutRecovery: true });
  }
}

const value = (cell) => { const [[type, inner]] = Object.entries(cell); return type === "isNull" ? h("i", { class: "quiet" }, "NULL") : type === "arrayValue" ? JSON.stringify(inner) : String(inner); };

function shown(answer) {
  const columns = (answer.columnMetadata || []).map((column) => column.label || column.name);
  if (columns.length === 0) return h("p", {}, `${text("done")} ${answer.numberOfRecordsUpdated ?? ""}`);
  const rows = answer.records.map((record) => record.map((cell) => ("longValue" in cell || "doubleValue" in cell ? number(value(cell)) : value(cell))));
  return h("div", {}, h("p", { class: "quiet" }, `${rows.length}`), table(columns, rows));
}
