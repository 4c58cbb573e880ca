// Files on their way into a bucket: chosen or dropped, folders too, small ones at once and large ones in parts, with progress.

import { s3 } from "./aws.js";
import { flash, h, safely, text } from "./page.js";

const PART = 8 << 20;

export function uploader(bucket, prefix, again) {
  const files = h("input", { type: "file", multiple: true, id: "files" });
  const folder = h("input", { type: "file", webkitdirectory: true, id: "folder" });
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": text("upload") });
  const said = h("span", { class: "quiet", role: "status" });
  const send = safely(async (chosen) => {
    bar.hidden = false;
    const total = chosen.reduce((sum, { file }) => sum + file.size, 0) || 1;
    let sent = 0;
    for (const [at, { name, file }] of chosen.entries()) {
      said.textContent = `${at + 1}/${chosen.length} ${name}`;
      await upload(bucket, prefix + name, file, (size) => { sent += size; bar.value = sent / total; });
    }
    flash(text("done"));
    again();
  });
  const named = (list) => [...list].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  files.addEventListener("change", () => send(named(files.files)));
  folder.addEventListener("change", () => send(named(folder.files)));
  const place = h("div", { class: "tools" }, h("label", {}, `${text("upload")} `, files), h("label", {}, `${text("Upload a folder")} `, folder),
    h("span", { class: "quiet" }, text("dropHere")), bar, said);
  place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("drop"); });
  place.addEventListener("dragleave", () => place.classList.remove("drop"));
  place.addEventListener("drop", safely(async (event) => {
    place.classList.remove("drop");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    await send((await Promise.all(entries.map((entry) => walk(entry, "")))).flat());
  }));
  return place;
}

// The files below a dropped entry, named by their way.
async function walk(entry, way) {
  if (entry.isFile) return [{ name: way + entry.name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((each) => walk(each, `${way}${entry.name}/`)))).flat();
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
