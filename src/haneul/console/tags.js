// A resource's tags, to read and to change.

import { ec2 } from "./ec2.js";
import { button, field, h, safely, table, text } from "./page.js";

export function tags(id, found, again) {
  const change = async (operation, tag) => {
    await ec2(operation, { ResourceId: [id], Tag: [tag] });
    again();
  };
  const [keyLabel, key] = field(text("name"), { required: true, maxlength: 128 });
  const [valueLabel, value] = field(text("Value"), { maxlength: 256 });
  const add = safely(() => change("CreateTags", { Key: key.value, Value: value.value || undefined }));
  return h("div", {}, h("h2", {}, text("Tags")),
    found.length ? table([text("name"), text("Value"), ""], found.map((tag) => [tag.key, tag.value,
      button("Remove", () => change("DeleteTags", { Key: tag.key }), { "aria-label": `${text("Remove")} ${tag.key}` })])) : null,
    h("form", { class: "tools", onsubmit: add }, keyLabel, valueLabel, h("button", { type: "submit" }, text("Add"))));
}
