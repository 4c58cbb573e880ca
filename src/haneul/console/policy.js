// An editor of a policy: findings while it is typed, and the question what it would decide.

import { findings } from "./findings.js";
import { button, field, h, safely, text } from "./page.js";
import { flat, query } from "./query.js";

const TONES = { ERROR: "bad", SECURITY_WARNING: "warn", WARNING: "warn", SUGGESTION: "quiet" };
export const pretty = (document) => { try { return JSON.stringify(JSON.parse(document), null, 2); } catch { return document; } };

/* document: JSON text · kind: "identity", "resource" or "trust" · save(text): what the button does, or none for one that is only read */
export function policyEditor({ document, kind = "identity", save, id = "policy", more = [] }) {
  const [label, area] = field(text("policies"), { rows: 12, id, spellcheck: "false", "aria-describedby": `${id}-findings` });
  area.value = pretty(document);
  if (!save) area.readOnly = true;
  const said = h("ul", { id: `${id}-findings`, role: "status" });
  const look = () => {
    const found = findings(area.value, kind);
    said.replaceChildren(...found.map((each) => h("li", { class: TONES[each.type] }, `${each.type} ${each.code}: ${each.words}`)));
    if (found.length === 0) said.append(h("li", { class: "good" }, text("No findings.")));
  };
  area.addEventListener("input", look);
  look();
  const format = button("Format", () => { area.value = JSON.stringify(JSON.parse(area.value), null, 2); look(); });
  return h("div", {}, label, said, h("div", { class: "tools" }, save ? [button("save", () => save(area.value), { class: "primary", id: `${id}-save` }), format] : null, more),
    kind === "identity" ? simulator(() => area.value) : null);
}

// Asks what a policy that isn't kept would decide, or (with an ARN) what an identity may do by all that it is granted.
export function simulator(read, arn = "") {
  const [actionLabel, action] = field(text("operation"), { value: "s3:GetObject", required: true, id: "action" });
  const [resourceLabel, resource] = field(text("Resource"), { value: "arn:aws:s3:::example/file", required: true, id: "resource", size: 40 });
  const result = h("output", { id: "decision" });
  const why = h("p", { class: "quiet", id: "why" });
  const ask = safely(async () => {
    const asked = { ActionNames: { member: [action.value] }, ResourceArns: { member: [resource.value] } };
    const page = arn ? await query("iam", "2010-05-08", "SimulatePrincipalPolicy", flat({ ...asked, PolicySourceArn: arn }))
      : await query("iam", "2010-05-08", "SimulateCustomPolicy", flat({ ...asked, PolicyInputList: { member: [read()] } }));
    const decision = page.querySelector("EvalDecision").textContent;
    result.textContent = decision;
    result.className = decision === "allowed" ? "good" : "bad";
    const deciding = [...page.querySelectorAll("MatchedStatements > member > SourcePolicyId")].map((each) => each.textContent);
    why.textContent = arn && deciding.length ? `${text("Decided by")}: ${deciding.join(", ")}` : "";
  });
  return h("div", {}, h("form", { class: "tools", onsubmit: ask }, h("strong", {}, text(arn ? "What may it do?" : "simulate")), actionLabel, resourceLabel,
    h("button", { type: "submit", id: "simulate" }, text("run")), result), why);
}
