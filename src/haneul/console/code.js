// A function's code: the files of its archive, edited here and put back together.

import { button, field, flash, h, select, text } from "./page.js";
import { rest } from "./rest.js";
import { unzip, zip } from "./zip.js";

const PATH = "/2015-03-31/functions";
const TEXTUAL = /\.(py|js|mjs|cjs|ts|json|txt|md|rb|sh|yaml|yml|toml|html|css|cfg|ini|xml|sql)$|^[^.]+$/i;
const decoder = new TextDecoder();
const encoder = new TextEncoder();
const UNEDITED = 512 << 10;

export const base64 = (buffer) => {
  const data = new Uint8Array(buffer);
  let letters = "";
  for (let at = 0; at < data.length; at += 0x8000) letters += String.fromCharCode(...data.subarray(at, at + 0x8000));
  return btoa(letters);
};

export async function code(name, location, again) {
  const files = await unzip(await (await fetch(location)).arrayBuffer());
  const editable = [...files].filter(([path, { data }]) => TEXTUAL.test(path) && data.length <= UNEDITED).map(([path]) => path);
  if (editable.length === 0) return h("p", { class: "quiet" }, text("No file here can be edited."));
  const [fileLabel, file] = select(text("File"), editable.map((path) => [path, path]), { id: "file" });
  const [areaLabel, area] = field(text("Code"), { rows: 18, id: "code", spellcheck: "false" });
  const show = () => { area.value = decoder.decode(files.get(file.value).data); };
  const keep = () => files.set(file.value, { ...files.get(file.value), data: encoder.encode(area.value) });
  area.addEventListener("input", keep);
  file.addEventListener("change", show);
  show();
  const deploy = button("Deploy", async () => {
    await rest("lambda", "PUT", `${PATH}/${name}/code`, { body: JSON.stringify({ ZipFile: base64(await zip(files)) }) });
    for (let turn = 0; turn < 60 && (await rest("lambda", "GET", `${PATH}/${name}/configuration`)).LastUpdateStatus === "InProgress"; turn += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
    flash(text("done"));
    again();
  }, { class: "primary", id: "deploy" });
  return h("div", {}, h("p", { class: "tools" }, fileLabel, deploy), areaLabel);
}
