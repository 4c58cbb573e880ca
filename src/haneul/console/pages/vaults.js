// Glacier: the vaults, what they hold, and the jobs of each.

import { collect, listing } from "../listing.js";
import { bytes, field, h, number, pairs, safely, table, text } from "../page.js";
import { rest } from "../rest.js";

const call = (method, path, query = {}) => rest("glacier", method, path, { query, headers: { "x-amz-glacier-version": "2012-06-01" } });
const pages = (path, set) => async (marker) => {
  const answer = await call("GET", path, { limit: 10, ...(marker ? { marker } : {}) });
  return { items: answer[set], next: answer.Marker || "" };
};

export const render = ([name], again) => (name ? one(name) : all(again));

async function all(again) {
  const [label, name] = field(text("name"), { required: true, pattern: "[A-Za-z0-9._\\-]{1,255}" });
  const make = safely(async () => { await call("PUT", `/-/vaults/${name.value}`); again(); });
  return [h("form", { class: "tools", onsubmit: make }, label, h("button", { type: "submit" }, text("create"))), await listing({
    heads: [text("name"), text("items"), text("size"), text("Created")], page: pages("/-/vaults", "VaultList"), key: (vault) => vault.VaultName,
    empty: "aws glacier create-vault --account-id - --vault-name records",
    cells: (vault) => [h("a", { href: `#vaults/${vault.VaultName}` }, vault.VaultName), number(String(vault.NumberOfArchives)), number(bytes(vault.SizeInBytes)), vault.CreationDate],
    actions: [{ label: "delete", danger: true, run: async (names) => { for (const each of names) await call("DELETE", `/-/vaults/${each}`); } }],
  })];
}

async function one(name) {
  const [vault, jobs] = await Promise.all([call("GET", `/-/vaults/${name}`), collect(pages(`/-/vaults/${name}/jobs`, "JobList"), 200)]);
  return [h("p", {}, h("a", { href: "#vaults" }, text("back")), ` · ${name}`),
    pairs([["ARN", vault.VaultARN], [text("items"), String(vault.NumberOfArchives)], [text("size"), bytes(vault.SizeInBytes)], [text("Created"), vault.CreationDate], ["Inventory", vault.LastInventoryDate]]),
    h("h2", {}, `${text("jobs")}: ${name}`), table([text("operation"), text("status"), "Tier", text("time"), text("message")],
      jobs.items.map((job) => [job.Action, job.StatusCode, job.Tier || "", job.CreationDate, job.StatusMessage || ""]),
      `aws glacier initiate-job --account-id - --vault-name ${name} --job-parameters '{"Type": "inventory-retrieval"}'`)];
}
