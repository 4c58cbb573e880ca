// One object: what it is, what it looks like, links to it, and its versions.

import { objectPath, s3, s3xml, session } from "./aws.js";
import { here, remove } from "./objects.js";
import { button, bytes, field, h, number, pairs, safely, table, text } from "./page.js";
import { presign } from "./sigv4.js";

const PREVIEW_BYTES = 200_000;
const IMAGE = /\.(png|jpe?g|gif|webp|svg)$/i;
const HIDDEN = ["accept-ranges", "connection", "date", "server", "x-amz-request-id", "x-amz-id-2"];

export async function object(bucket, key, again) {
  const head = await s3("HEAD", bucket, { key });
  const size = Number(head.headers.get("content-length"));
  const folder = key.slice(0, key.lastIndexOf("/") + 1);
  const preview = h("div", { "aria-live": "polite" });
  const show = async () => preview.replaceChildren(await previewOf(bucket, key, size));
  const away = async () => {
    if (!confirm(text("sure", key))) return;
    await s3("DELETE", bucket, { key });
    location.hash = here(bucket, folder).slice(1);
  };
  if (size <= PREVIEW_BYTES) show().catch(() => {});
  return [h("p", {}, h("a", { href: "#buckets" }, text("buckets")), " / ", h("a", { href: here(bucket) }, bucket), " / ", folder ? [h("a", { href: here(bucket, folder) }, folder), " "] : null, key.slice(folder.length)),
    h("div", { class: "tools" }, button("preview", show), button("download", () => download(bucket, key)), button("delete", away, { class: "danger", "aria-label": `${text("delete")} ${key.slice(folder.length)}` })),
    pairs([[text("size"), bytes(size)], ...[...head.headers].filter(([name]) => !HIDDEN.includes(name))]), linking(bucket, key), preview, await versions(bucket, key, again)];
}

// By an address of its own, so that the browser writes it to disk while it comes, with its own progress.
export async function download(bucket, key, version) {
  const name = key.split("/").pop();
  const more = { "response-content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`, ...(version ? { versionId: version } : {}) };
  h("a", { href: await presign(session, { path: objectPath(bucket, key), seconds: 300, more }), download: name }).click();
}

async function previewOf(bucket, key, size) {
  const part = size > PREVIEW_BYTES && !IMAGE.test(key) ? { range: `bytes=0-${PREVIEW_BYTES}` } : {};
  const answer = await s3("GET", bucket, { key, headers: part });
  const blob = await answer.blob();
  if (blob.type.startsWith("image/") || IMAGE.test(key)) return h("div", { class: "preview" }, h("img", { src: URL.createObjectURL(blob), alt: key }));
  return h("pre", { class: "preview", tabindex: 0 }, await blob.text());
}

function linking(bucket, key) {
  const [label, hours] = field(text("Hours"), { type: "number", min: 1, max: 168, value: 1, required: true });
  const made = h("p", { "aria-live": "polite" });
  const make = safely(async () => {
    const url = await presign(session, { path: objectPath(bucket, key), seconds: hours.value * 3600 });
    // In a tab of its own: what the object holds may be a page, and one of this origin must not share this tab's session.
    made.replaceChildren(h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
  });
  return [h("form", { class: "tools", onsubmit: make }, label, h("button", { type: "submit" }, text("Make a link for everybody"))), made];
}

async function versions(bucket, key, again) {
  const page = await s3xml(bucket, { versions: "", prefix: key, "max-keys": 200 });
  const read = (row, name) => row.querySelector(name)?.textContent || "";
  const found = [...page.querySelectorAll("Version, DeleteMarker")].filter((row) => read(row, "Key") === key);
  if (found.length < 2 && found.every((row) => read(row, "VersionId") === "null")) return null;
  const back = (version) => async () => {
    await s3("PUT", bucket, { key, headers: { "x-amz-copy-source": `${objectPath(bucket, key)}?versionId=${version}` } });
    again();
  };
  return [h("h2", {}, text("Versions")), table([text("version"), text("size"), text("modified"), ""], found.map((row) => {
    const version = read(row, "VersionId");
    const marker = row.tagName === "DeleteMarker";
    return [`${version}${marker ? " (delete marker)" : ""}`, number(marker ? "" : bytes(Number(read(row, "Size")))), read(row, "LastModified"), h("span", { class: "tools" },
      marker ? null : button("download", () => download(bucket, key, version)), marker ? null : button("Restore", back(version)),
      button("delete", async () => { if (confirm(text("sure", version))) { await remove(bucket, [{ key, version }]); again(); } }, { class: "danger" }))];
  }))];
}
