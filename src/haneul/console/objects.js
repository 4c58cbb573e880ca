// Objects of a bucket as pages of a list, their deletion by the thousand, and addresses of the console's pages of them.

import { s3, s3xml } from "./aws.js";

const read = (row, name) => row.querySelector(name)?.textContent || "";
export const here = (bucket, key = "") => `#buckets/${encodeURIComponent(bucket)}/${key.split("/").map(encodeURIComponent).join("/")}`;

// Folders and objects below a prefix.
export const pages = (bucket, prefix, delimiter = "/", size = 200) => async (token) => {
  const page = await s3xml(bucket, { "list-type": 2, prefix, "max-keys": size, ...(delimiter ? { delimiter } : {}), ...(token ? { "continuation-token": token } : {}) });
  const folders = [...page.querySelectorAll("CommonPrefixes > Prefix")].map((each) => ({ key: each.textContent, folder: true }));
  const objects = [...page.querySelectorAll("Contents")].map((row) => ({ key: read(row, "Key"), size: Number(read(row, "Size")), modified: read(row, "LastModified"), storage: read(row, "StorageClass") }));
  return { items: [...folders, ...objects.filter((each) => each.key !== prefix)], next: read(page, "NextContinuationToken") };
};

const escaped = (words) => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replace(/[^\x20-\x7e]/gu, (letter) => `&#${letter.codePointAt(0)};`);

// things: [{key, version}], at most 1000 a request.
export async function remove(bucket, things) {
  for (let at = 0; at < things.length; at += 1000) {
    const rows = things.slice(at, at + 1000).map(({ key, version }) => `<Object><Key>${escaped(key)}</Key>${version ? `<VersionId>${version}</VersionId>` : ""}</Object>`);
    const body = `<Delete>${rows.join("")}<Quiet>true</Quiet></Delete>`;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
    const headers = { "x-amz-checksum-sha256": btoa(String.fromCharCode(...new Uint8Array(digest))) };
    const answer = new DOMParser().parseFromString(await (await s3("POST", bucket, { query: { delete: "" }, body, headers })).text(), "text/xml");
    const failed = answer.querySelector("Error");
    if (failed) throw Object.assign(new Error(`${read(failed, "Message")} (${read(failed, "Key")})`), { code: read(failed, "Code") });
  }
}
