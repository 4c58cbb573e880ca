// IAM: users, roles and the account's own policies, and a box that asks whether a policy would allow something.

import { field, h, safely, table, text } from "../page.js";
import { members, query } from "../query.js";

const call = (operation, given) => query("iam", "2010-05-08", operation, given);
const POLICY = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }] };

export async function render() {
  const [users, roles, policies] = await Promise.all([call("ListUsers"), call("ListRoles"), call("ListPolicies", { Scope: "Local" })]);
  const part = (title, page, list, name) => [h("h2", {}, text(title)),
    table([text("name"), "ARN"], members(page, list).map((read) => [read(name), h("code", {}, read("Arn"))]))];
  return [...part("users", users, "Users", "UserName"), ...part("roles", roles, "Roles", "RoleName"),
    ...part("policies", policies, "Policies", "PolicyName"), h("h2", {}, text("simulate")), simulator()];
}

function simulator() {
  const [policyLabel, policy] = field(text("policies"), { rows: 8, id: "policy" });
  policy.value = JSON.stringify(POLICY, null, 2);
  const [actionLabel, action] = field(text("operation"), { value: "s3:GetObject", required: true, id: "action" });
  const result = h("output", { id: "decision" });
  const ask = safely(async () => {
    const page = await call("SimulateCustomPolicy", { "PolicyInputList.member.1": policy.value, "ActionNames.member.1": action.value });
    result.textContent = page.querySelector("EvalDecision").textContent;
  });
  return h("form", { onsubmit: ask }, policyLabel, h("p", { class: "tools" }, actionLabel, h("button", { type: "submit", id: "simulate" }, text("run")), result));
}
