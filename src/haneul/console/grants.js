// What an identity is granted: attached and inline policies; and a user's access keys.

import { iam, pages } from "./iam.js";
import { collect } from "./listing.js";
import { button, field, flash, give, h, safely, table, text } from "./page.js";
import { list } from "./query.js";
import { policyEditor } from "./policy.js";

const NEW = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::example" }] });

export async function grants(noun, name, again) {
  const who = { [`${noun}Name`]: name };
  const [attached, inline, local] = await Promise.all([
    collect(pages(`ListAttached${noun}Policies`, "AttachedPolicies", who, 100)),
    collect(pages(`List${noun}Policies`, "PolicyNames", who, 100)),
    collect(pages("ListPolicies", "Policies", { Scope: "All" }, 1000), 1000),
  ]);
  const [label, arn] = field(text("policies"), { list: "known-policies", required: true, size: 50, placeholder: "arn:aws:iam::aws:policy/ReadOnlyAccess" });
  const attach = safely(async () => { await iam(`Attach${noun}Policy`, { ...who, PolicyArn: arn.value }); again(); });
  const rows = attached.items.map((each) => [h("a", { href: `#identity/policies/${each.PolicyArn}` }, each.PolicyName), h("code", {}, each.PolicyArn),
    button("Detach", async () => { await iam(`Detach${noun}Policy`, { ...who, PolicyArn: each.PolicyArn }); again(); }, { "aria-label": `${text("Detach")} ${each.PolicyName}` })]);
  return [h("h2", {}, text("Attached policies")), table([text("name"), "ARN", ""], rows),
    h("form", { class: "tools", onsubmit: attach }, label, h("datalist", { id: "known-policies" }, local.items.map((each) => h("option", { value: each.Arn }))),
      h("button", { type: "submit" }, text("Attach"))),
    h("h2", {}, text("Inline policies")), await inlines(noun, who, inline.items, again)];
}

async function inlines(noun, who, names, again) {
  const place = h("div");
  const edit = async (policy, document) => {
    const [label, input] = field(text("name"), { value: policy, required: true, id: "inline-name" });
    place.replaceChildren(h("p", {}, label), policyEditor({ document, id: "inline", save: async (words) => {
      await iam(`Put${noun}Policy`, { ...who, PolicyName: input.value, PolicyDocument: words });
      flash(text("done"));
      again();
    } }));
    input.focus();
  };
  const rows = names.map((policy) => [policy, h("span", { class: "tools" },
    button("Edit", async () => edit(policy, decodeURIComponent((await iam(`Get${noun}Policy`, { ...who, PolicyName: policy })).PolicyDocument)), { "aria-label": `${text("Edit")} ${policy}` }),
    button("delete", async () => { await iam(`Delete${noun}Policy`, { ...who, PolicyName: policy }); again(); }, { class: "danger", "aria-label": `${text("delete")} ${policy}` }))]);
  return h("div", {}, table([text("name"), ""], rows), h("p", {}, button("create", () => edit("", NEW))), place);
}

export async function keys(name, again) {
  const { AccessKeyMetadata: found } = await iam("ListAccessKeys", { UserName: name });
  const change = (id, status) => async () => { await iam("UpdateAccessKey", { UserName: name, AccessKeyId: id, Status: status }); again(); };
  const rows = list(found).map((key) => [key.AccessKeyId, key.Status, key.CreateDate, h("span", { class: "tools" },
    key.Status === "Active" ? button("Deactivate", change(key.AccessKeyId, "Inactive")) : button("Activate", change(key.AccessKeyId, "Active")),
    button("delete", async () => {
      if (!confirm(text("sure", key.AccessKeyId))) return;
      await iam("DeleteAccessKey", { UserName: name, AccessKeyId: key.AccessKeyId });
      again();
    }, { class: "danger" }))]);
  const make = async () => {
    const { AccessKey: key } = await iam("CreateAccessKey", { UserName: name });
    give(`${name}-credentials`, `[${name}]\naws_access_key_id = ${key.AccessKeyId}\naws_secret_access_key = ${key.SecretAccessKey}\n`, "text/plain");
    again();
  };
  return [h("h2", {}, text("Access keys")), table(["ID", text("status"), text("Created"), ""], rows), h("p", {}, button("Create and download a key", make))];
}
