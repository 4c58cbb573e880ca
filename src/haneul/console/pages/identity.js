// IAM: users, groups, roles and the account's own policies; one of them to look at and to change.

import { grants, keys } from "../grants.js";
import { iam, pages } from "../iam.js";
import { listing } from "../listing.js";
import { field, flash, h, pairs, safely, text } from "../page.js";
import { policyEditor, simulator } from "../policy.js";

const START = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::example/*" }] });
const TRUST = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }] });

/* A kind of thing: how it is listed and made, what takes to delete it. */
const KINDS = {
  users: { one: "User", list: "ListUsers", remove: "DeleteUser", create: (name) => iam("CreateUser", { UserName: name }), empty: "aws iam create-user --user-name ann" },
  userGroups: { one: "Group", list: "ListGroups", remove: "DeleteGroup", create: (name) => iam("CreateGroup", { GroupName: name }), empty: "aws iam create-group --group-name admins" },
  roles: { one: "Role", list: "ListRoles", remove: "DeleteRole", create: (name) => iam("CreateRole", { RoleName: name, AssumeRolePolicyDocument: TRUST }),
    empty: "aws iam create-role --role-name app --assume-role-policy-document file://trust.json" },
};

export async function render([kind, name, ...rest], again) {
  if (kind === "policies" && name === "new") return newPolicy();
  if (kind === "policies" && name) return onePolicy([name, ...rest].join("/"), again);
  if (KINDS[kind] && name) return one(kind, name, again);
  return [...(await Promise.all(Object.keys(KINDS).map((each) => all(each)))), await policies(), h("h2", {}, text("simulate")),
    policyEditor({ document: START, save: null, id: "policy", more: h("span", { class: "quiet" }, text("Only tried, not kept.")) })].flat();
}

async function all(kind) {
  const { one: noun, list, remove, create, empty } = KINDS[kind];
  const [label, input] = field(text("name"), { required: true, "aria-label": `${text("name")} ${noun}` });
  const make = safely(async () => {
    await create(input.value);
    location.hash = `identity/${kind}/${encodeURIComponent(input.value)}`;
  });
  return [h("h2", {}, text(kind)), h("form", { class: "tools", onsubmit: make }, label, h("button", { type: "submit" }, text("create"))), await listing({
    heads: [text("name"), "ARN", text("Created")], page: pages(list, `${noun}s`), key: (each) => each[`${noun}Name`], empty,
    cells: (each) => [h("a", { href: `#identity/${kind}/${encodeURIComponent(each[`${noun}Name`])}` }, each[`${noun}Name`]), h("code", {}, each.Arn), each.CreateDate],
    actions: [{ label: "delete", danger: true, run: async (ids) => { for (const id of ids) await iam(remove, { [`${noun}Name`]: id }); } }],
  })];
}

async function policies() {
  return [h("h2", {}, text("policies")), h("p", {}, h("a", { class: "button primary", href: "#identity/policies/new" }, text("create"))), await listing({
    heads: [text("name"), "ARN", text("version"), text("Attached")], page: pages("ListPolicies", "Policies", { Scope: "Local" }), key: (each) => each.Arn,
    empty: "aws iam create-policy --policy-name read --policy-document file://policy.json",
    cells: (each) => [h("a", { href: `#identity/policies/${each.Arn}` }, each.PolicyName), h("code", {}, each.Arn), each.DefaultVersionId, each.AttachmentCount],
    actions: [{ label: "delete", danger: true, run: async (ids) => { for (const id of ids) await iam("DeletePolicy", { PolicyArn: id }); } }],
  })];
}

const way = (name) => h("p", {}, h("a", { href: "#identity" }, text("back")), ` · ${name}`);

function newPolicy() {
  const [label, name] = field(text("name"), { required: true, id: "policy-name" });
  const save = async (document) => {
    const made = await iam("CreatePolicy", { PolicyName: name.value, PolicyDocument: document });
    location.hash = `identity/policies/${made.Policy.Arn}`;
  };
  return [way(text("create")), h("p", {}, label), policyEditor({ document: START, save })];
}

async function onePolicy(arn, again) {
  const { Policy: policy } = await iam("GetPolicy", { PolicyArn: arn });
  const { PolicyVersion: version } = await iam("GetPolicyVersion", { PolicyArn: arn, VersionId: policy.DefaultVersionId });
  const save = async (document) => {
    const kept = await pages("ListPolicyVersions", "Versions", { PolicyArn: arn })("");
    const old = kept.items.filter((each) => each.IsDefaultVersion !== "true").at(-1);
    if (kept.items.length >= 5 && old) await iam("DeletePolicyVersion", { PolicyArn: arn, VersionId: old.VersionId });
    await iam("CreatePolicyVersion", { PolicyArn: arn, PolicyDocument: document, SetAsDefault: true });
    flash(text("done"));
    again();
  };
  const own = !arn.includes("::aws:policy/");
  return [way(policy.PolicyName), pairs([["ARN", arn], [text("version"), policy.DefaultVersionId], [text("Attached"), policy.AttachmentCount], [text("Created"), policy.CreateDate]]),
    policyEditor({ document: decodeURIComponent(version.Document), save: own ? save : null })];
}

async function one(kind, name, again) {
  const noun = KINDS[kind].one;
  const found = (await iam(`Get${noun}`, { [`${noun}Name`]: name }))[noun];
  const facts = pairs([["ARN", found.Arn], ["ID", found[`${noun}Id`]], [text("Created"), found.CreateDate], ["Path", found.Path]]);
  const trust = kind === "roles" ? [h("h2", {}, text("Trust policy")), policyEditor({ document: decodeURIComponent(found.AssumeRolePolicyDocument), kind: "trust", id: "trust",
    save: async (document) => { await iam("UpdateAssumeRolePolicy", { RoleName: name, PolicyDocument: document }); flash(text("done")); } })] : [];
  return [way(name), facts, ...trust, kind === "userGroups" ? null : simulator(undefined, found.Arn), ...(await grants(noun, name, again)), ...(kind === "users" ? await keys(name, again) : [])];
}
