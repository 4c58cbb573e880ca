// Glacier: the vaults; in one of them archives going in, and the jobs that bring them and their inventory out, in Glacier's time.

import { uploadArchive } from "../archive.js";
import { send } from "../aws.js";
import { collect, listing } from "../listing.js";
import { button, bytes, field, flash, give, h, number, pairs, safely, table, text } from "../page.js";
import { rest } from "../rest.js";
import { tone } from "../states.js";

const VERSION = { "x-amz-glacier-version": "2012-06-01" };
const call = (method, path, query = {}, body = "") => rest("glacier", method, path, { query, body, headers: VERSION });
const pages = (path, set) => async (marker) => {
  const answer = await call("GET", path, { limit: 10, ...(marker ? { marker } : {}) });
  return { items: answer[set], next: answer.Marker || "" };
};

export const render = ([name], again) => (name ? one(name, again) : all(again));

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

async function one(name, again) {
  const path = `/-/vaults/${name}`;
  const [vault, jobs] = await Promise.all([call("GET", path), collect(pages(`${path}/jobs`, "JobList"), 200)]);
  const seen = h("div", { "aria-live": "polite" });
  const begin = async (asked) => { await call("POST", `${path}/jobs`, {}, JSON.stringify(asked)); flash(text("done")); again(); };
  const look = async (job) => {
    if (job.Action === "InventoryRetrieval") seen.replaceChildren(inventory((await call("GET", `${path}/jobs/${job.JobId}/output`)).ArchiveList, begin));
    else give(job.ArchiveId.slice(0, 16), await (await send({ method: "GET", path: `${path}/jobs/${job.JobId}/output`, headers: VERSION, service: "glacier" })).arrayBuffer());
  };
  const [label, file] = field(text("upload"), { type: "file", required: true, id: "archive" });
  const upload = safely(async () => { flash(`${text("done")} ${await uploadArchive(name, file.files[0])}`); again(); });
  return [h("p", {}, h("a", { href: "#vaults" }, text("back")), ` · ${name}`),
    pairs([["ARN", vault.VaultARN], [text("items"), String(vault.NumberOfArchives)], [text("size"), bytes(vault.SizeInBytes)], [text("Created"), vault.CreationDate], ["Inventory", vault.LastInventoryDate]]),
    h("form", { class: "tools", onsubmit: upload }, label, h("button", { type: "submit" }, text("send"))),
    h("h2", {}, `${text("jobs")}: ${name}`), h("p", { class: "tools" }, button("Inventory", () => begin({ Type: "inventory-retrieval" })), button("Refresh", again)),
    table([text("operation"), text("status"), "Tier", text("time"), text("message"), ""], jobs.items.map((job) => [job.Action, tone(job.StatusCode), job.Tier || "", job.CreationDate,
      job.StatusMessage || "", job.Completed && job.StatusCode === "Succeeded" ? button("download", () => look(job)) : ""]),
    `aws glacier initiate-job --account-id - --vault-name ${name} --job-parameters '{"Type": "inventory-retrieval"}'`), seen];
}

const inventory = (archives, begin) => h("div", {}, h("h2", {}, "Inventory"), table(["ID", text("Description"), text("size"), text("Created"), ""], archives.map((archive) =>
  [h("code", {}, archive.ArchiveId), archive.ArchiveDescription, number(bytes(archive.Size)), archive.CreationDate,
    button("Retrieve", () => begin({ Type: "archive-retrieval", ArchiveId: archive.ArchiveId, Tier: "Expedited" }))])));
