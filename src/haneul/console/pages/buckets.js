// S3: buckets, and inside one its folders and objects, with upload, download, preview and links.

import { objectPath, s3, s3xml, session } from "../aws.js";
import { bytes, field, flash, h, number, safely, table, text } from "../page.js";
import { presign } from "../sigv4.js";

const PART = 8 << 20;
const PREVIEW_BYTES = 200_000;

export const render = ([bucket, ...path], again) => (bucket ? inBucket(bucket, path.join("/"), again) : list(again));

async function list(again) {
  const page = await s3xml("");
  const [label, input] = field(text("name"), { required: true, pattern: "[a-z0-9][a-z0-9.\\-]{1,61}[a-z0-9]" });
  const form = h("form", { class: "tools", onsubmit: safely(async () => {
    const body = session.region === "us-east-1" ? "" : `<CreateBucketConfiguration><LocationConstraint>${session.region}</LocationConstraint></CreateBucketConfiguration>`;
    await s3("PUT", input.value, { body });
    again();
  }) }, label, h("button", { type: "submit" }, text("create")));
  const rows = [...page.querySelectorAll("Bucket")].map((row) => {
    const name = row.querySelector("Name").textContent;
    const remove = safely(async () => {
      if (!confirm(text("sure", name))) return;
      await s3("DELETE", name);
      again();
    });
    return [h("a", { href: `#buckets/${encodeURIComponent(name)}` }, name), row.querySelector("CreationDate").textContent,
      h("button", { class: "danger", onclick: remove, "aria-label": `${text("delete")} ${name}` }, text("delete"))];
  });
  return [form, table([text("name"), text("modified"), ""], rows)];
}

async function inBucket(bucket, prefix, again) {
  const page = await s3xml(bucket, { "list-type": 2, delimiter: "/", prefix, "max-keys": 1000 });
  const here = (key) => `#buckets/${encodeURIComponent(bucket)}/${key.split("/").map(encodeURIComponent).join("/")}`;
  const folders = [...page.querySelectorAll("CommonPrefixes > Prefix")].map(({ textContent: folder }) =>
    [h("a", { href: here(folder) }, folder.slice(prefix.length)), "", "", ""]);
  const preview = h("div", { "aria-live": "polite" });
  const objects = [...page.querySelectorAll("Contents")].map((row) => {
    const read = (name) => row.querySelector(name).textContent;
    return objectRow(bucket, read("Key"), prefix, Number(read("Size")), read("LastModified"), preview, again);
  });
  return [h("p", {}, h("a", { href: "#buckets" }, text("buckets")), ` / ${bucket} / ${prefix}`), uploader(bucket, prefix, again),
    table([text("name"), text("size"), text("modified"), ""], [...folders, ...objects]), preview];
}

function objectRow(bucket, key, prefix, size, modified, preview, again) {
  const name = key.slice(prefix.length);
  const show = safely(async () => preview.replaceChildren(await previewOf(bucket, key, size)));
  const link = safely(async () => {
    const url = await presign(session, { path: objectPath(bucket, key) });
    preview.replaceChildren(h("p", {}, h("a", { href: url }, url)));
  });
  const download = safely(async () => {
    h("a", { href: await presign(session, { path: objectPath(bucket, key) }), download: name }).click();
  });
  const remove = safely(async () => {
    if (!confirm(text("sure", name))) return;
    await s3("DELETE", bucket, { key });
    again();
  });
  return [name, number(bytes(size)), modified, h("span", { class: "tools" },
    h("button", { onclick: show }, text("preview")), h("button", { onclick: download }, text("download")),
    h("button", { onclick: link }, text("link")),
    h("button", { class: "danger", onclick: remove, "aria-label": `${text("delete")} ${name}` }, text("delete")))];
}

async function previewOf(bucket, key, size) {
  const answer = await s3("GET", bucket, { key, headers: size > PREVIEW_BYTES && !/\.(png|jpe?g|gif|webp|svg)$/i.test(key) ? { range: `bytes=0-${PREVIEW_BYTES}` } : {} });
  const kind = answer.headers.get("content-type") || "";
  const blob = await answer.blob();
  if (kind.startsWith("image/") || /\.(png|jpe?g|gif|webp)$/i.test(key)) {
    return h("div", { class: "preview" }, h("img", { src: URL.createObjectURL(blob), alt: key }));
  }
  return h("pre", { class: "preview", tabindex: 0 }, await blob.text());
}

function uploader(bucket, prefix, again) {
  const input = h("input", { type: "file", multiple: true, id: "files" });
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": text("upload") });
  const send = safely(async (files) => {
    bar.hidden = false;
    const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
    let sent = 0;
    for (const file of files) {
      await upload(bucket, prefix + file.name, file, (size) => { sent += size; bar.value = sent / total; });
    }
    flash(text("done"));
    again();
  });
  input.addEventListener("change", () => send([...input.files]));
  const place = h("div", { class: "tools" }, h("label", { for: "files" }, text("upload")), input, h("span", { class: "quiet" }, text("dropHere")), bar);
  place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("drop"); });
  place.addEventListener("dragleave", () => place.classList.remove("drop"));
  place.addEventListener("drop", (event) => { event.preventDefault(); place.classList.remove("drop"); send([...event.dataTransfer.files]); });
  return place;
}

// One PUT up to 8 MB; above that in parts, so that no more than one part is in memory.
async function upload(bucket, key, file, moved) {
  const headers = file.type ? { "content-type": file.type } : {};
  if (file.size <= PART) {
    await s3("PUT", bucket, { key, headers, body: await file.arrayBuffer() });
    moved(file.size);
    return;
  }
  const begun = new DOMParser().parseFromString(await (await s3("POST", bucket, { key, headers, query: { uploads: "" } })).text(), "text/xml");
  const uploadId = begun.querySelector("UploadId").textContent;
  const parts = [];
  try {
    for (let at = 0; at < file.size; at += PART) {
      const piece = file.slice(at, at + PART);
      const partNumber = parts.length + 1;
      const answer = await s3("PUT", bucket, { key, query: { partNumber, uploadId }, body: await piece.arrayBuffer() });
      parts.push(`<Part><PartNumber>${partNumber}</PartNumber><ETag>${answer.headers.get("etag")}</ETag></Part>`);
      moved(piece.size);
    }
    await s3("POST", bucket, { key, query: { uploadId }, body: `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>` });
  } catch (error) {
    await s3("DELETE", bucket, { key, query: { uploadId } }).catch(() => {});
    throw error;
  }
}
