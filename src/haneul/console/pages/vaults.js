// Glacier: the vaults, what they hold, and the jobs of each.

import { bytes, h, number, safely, table, text } from "../page.js";
import { rest } from "../rest.js";

const call = (path) => rest("glacier", "GET", path, { headers: { "x-amz-glacier-version": "2012-06-01" } });

export async function render() {
  const { VaultList: vaults } = await call("/-/vaults");
  const seen = h("div", { "aria-live": "polite" });
  const jobs = (name) => safely(async () => {
    const { JobList: list } = await call(`/-/vaults/${name}/jobs`);
    seen.replaceChildren(h("h2", {}, `${text("jobs")}: ${name}`), table([text("operation"), text("status"), text("time")],
      list.map((job) => [job.Action, job.StatusCode, job.CreationDate])));
  });
  return [table([text("name"), text("items"), text("size"), ""], vaults.map((vault) => [vault.VaultName, number(String(vault.NumberOfArchives)),
    number(bytes(vault.SizeInBytes)), h("button", { onclick: jobs(vault.VaultName), "aria-label": `${text("jobs")} ${vault.VaultName}` }, text("jobs"))])), seen];
}
