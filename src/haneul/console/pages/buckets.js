// S3: the buckets; inside one its folders and objects. An address that ends in "/" is a folder, any other an object.

import { s3, s3xml, session } from "../aws.js";
import { folder } from "../bucket.js";
import { listing } from "../listing.js";
import { object } from "../object.js";
import { here } from "../objects.js";
import { field, h, safely, text } from "../page.js";

export function render([bucket, ...path], again) {
  if (!bucket) return list(again);
  const key = path.join("/");
  return key === "" || key.endsWith("/") ? folder(bucket, key, again) : object(bucket, key, again);
}

async function list(again) {
  const [label, input] = field(text("name"), { required: true, pattern: "[a-z0-9][a-z0-9.\\-]{1,61}[a-z0-9]" });
  const form = h("form", { class: "tools", onsubmit: safely(async () => {
    const body = session.region === "us-east-1" ? "" : `<CreateBucketConfiguration><LocationConstraint>${session.region}</LocationConstraint></CreateBucketConfiguration>`;
    await s3("PUT", input.value, { body });
    again();
  }) }, label, h("button", { type: "submit" }, text("create")));
  const page = async (token) => {
    const answer = await s3xml("", { "max-buckets": 200, ...(token ? { "continuation-token": token } : {}) });
    const read = (row, name) => row.querySelector(name)?.textContent || "";
    const items = [...answer.querySelectorAll("Bucket")].map((row) => ({ name: read(row, "Name"), made: read(row, "CreationDate"), region: read(row, "BucketRegion") }));
    return { items, next: answer.querySelector("ContinuationToken")?.textContent || "" };
  };
  return [form, await listing({
    heads: [text("name"), text("region"), text("Created")], page, key: (each) => each.name, empty: "aws s3 mb s3://photos",
    cells: (each) => [h("a", { href: here(each.name) }, each.name), each.region, each.made],
    actions: [{ label: "delete", danger: true, run: async (names) => { for (const name of names) await s3("DELETE", name); } }],
  })];
}
