// A bucket from inside: a folder's objects with what can be done to them; and its settings.

import { s3, s3xml } from "./aws.js";
import { collect, listing } from "./listing.js";
import { download } from "./object.js";
import { here, pages, remove } from "./objects.js";
import { button, bytes, field, flash, h, number, safely, select, text } from "./page.js";
import { policyEditor } from "./policy.js";
import { uploader } from "./upload.js";

export async function folder(bucket, prefix, again) {
  const [label, name] = field(text("New folder"), { required: true, pattern: "[^/]+", size: 14 });
  const make = safely(async () => { await s3("PUT", bucket, { key: `${prefix}${name.value}/` }); again(); });
  const away = async (keys) => {
    const inside = await Promise.all(keys.filter((key) => key.endsWith("/")).map((key) => collect(pages(bucket, key, "", 1000))));
    const below = inside.flatMap((each) => each.items.map(({ key }) => ({ key })));
    await remove(bucket, [...keys.map((key) => ({ key })), ...below]);
  };
  const crumbs = prefix.split("/").slice(0, -1).map((part, at, all) => [" / ", h("a", { href: here(bucket, `${all.slice(0, at + 1).join("/")}/`) }, part)]);
  return [
    h("p", {}, h("a", { href: "#buckets" }, text("buckets")), " / ", h("a", { href: here(bucket) }, bucket), crumbs),
    uploader(bucket, prefix, again), h("form", { class: "tools", onsubmit: make }, label, h("button", { type: "submit" }, text("create"))),
    await listing({
      heads: [text("name"), text("size"), text("modified"), text("Storage class")], page: pages(bucket, prefix), key: (each) => each.key,
      empty: `aws s3 cp file.txt s3://${bucket}/${prefix}`,
      cells: (each) => [h("a", { href: here(bucket, each.key) }, each.key.slice(prefix.length)), number(each.folder ? "" : bytes(each.size)), each.modified || "", each.storage || ""],
      actions: [{ label: "download", run: async (keys) => { for (const key of keys.filter((each) => !each.endsWith("/"))) await download(bucket, key); } },
        { label: "delete", run: away, danger: true }],
    }),
    prefix ? null : await settings(bucket, again),
  ];
}

async function settings(bucket, again) {
  const [versioning, policy] = await Promise.all([s3xml(bucket, { versioning: "" }), s3("GET", bucket, { query: { policy: "" } }).then((answer) => answer.text(), (error) => {
    if (error.code !== "NoSuchBucketPolicy") throw error;
    return "";
  })]);
  const now = versioning.querySelector("Status")?.textContent || "";
  const [label, state] = select(text("Versions"), [["Enabled", "Enabled"], ["Suspended", "Suspended"]]);
  state.value = now || "Suspended";
  const keep = safely(async () => {
    await s3("PUT", bucket, { query: { versioning: "" }, body: `<VersioningConfiguration><Status>${state.value}</Status></VersioningConfiguration>` });
    flash(text("done"));
  });
  const start = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: { AWS: "arn:aws:iam::000000000000:root" }, Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` }] });
  return h("details", {}, h("summary", {}, text("Settings")), h("form", { class: "tools", onsubmit: keep }, label, h("button", { type: "submit" }, text("save"))),
    h("h3", {}, text("Bucket policy")), policyEditor({ document: policy || start, kind: "resource", id: "bucket-policy",
      save: async (body) => { await s3("PUT", bucket, { query: { policy: "" }, body }); flash(text("done")); again(); },
      more: policy ? button("delete", async () => { await s3("DELETE", bucket, { query: { policy: "" } }); again(); }, { class: "danger" }) : null }));
}
