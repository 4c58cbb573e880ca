// What is wrong or unwise in a policy, while it is typed: findings named as Access Analyzer names its own. Whether IAM takes it, IAM tells on saving.

const MOST = { identity: 6144, resource: 20_480, trust: 2048 };
const ELEMENTS = ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const many = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const pattern = (glob) => new RegExp(`^${glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");

// kind: "identity", "resource" or "trust"; answers [{type, code, words}], the gravest first.
export function findings(words, kind = "identity") {
  let policy;
  try {
    policy = JSON.parse(words);
  } catch (error) {
    return [{ type: "ERROR", code: "JSON_SYNTAX_ERROR", words: `${error.message}${lineOf(error.message, words)}` }];
  }
  if (policy === null || typeof policy !== "object" || Array.isArray(policy)) return [{ type: "ERROR", code: "DATA_TYPE_MISMATCH", words: "A policy is a JSON object." }];
  const found = [];
  const say = (type, code, said, at) => found.push({ type, code, words: at === undefined ? said : `Statement ${at + 1}: ${said}` });
  wholePolicy(policy, words, kind, say);
  const statements = many(policy.Statement);
  statements.forEach((statement, at) => {
    if (statement === null || typeof statement !== "object") say("ERROR", "DATA_TYPE_MISMATCH", "A statement is a JSON object.", at);
    else one(statement, kind, (type, code, said) => say(type, code, said, at));
  });
  const sids = statements.map((each) => each?.Sid).filter(Boolean);
  if (new Set(sids).size < sids.length) say("ERROR", "DUPLICATE_SID", "Each Sid may be used once.");
  const grave = ["ERROR", "SECURITY_WARNING", "WARNING", "SUGGESTION"];
  return found.sort((a, b) => grave.indexOf(a.type) - grave.indexOf(b.type));
}

function lineOf(message, words) {
  const position = /position (\d+)/.exec(message);
  return position && !message.includes("line") ? ` (line ${words.slice(0, Number(position[1])).split("\n").length})` : "";
}

function wholePolicy(policy, words, kind, say) {
  for (const name of Object.keys(policy)) if (!["Version", "Id", "Statement"].includes(name)) say("ERROR", "UNSUPPORTED_ELEMENT", `${name} is no element of a policy.`);
  if (policy.Version === undefined) say("WARNING", "MISSING_VERSION", 'Without "Version": "2012-10-17" policy variables are not replaced.');
  else if (policy.Version === "2008-10-17") say("WARNING", "OLD_VERSION", "Version 2008-10-17 replaces no policy variables.");
  else if (policy.Version !== "2012-10-17") say("ERROR", "INVALID_VERSION", 'Version is "2012-10-17" or "2008-10-17".');
  if (many(policy.Statement).length === 0) say("ERROR", "MISSING_STATEMENT", "A policy has at least one statement.");
  if (words.replace(/\s/g, "").length > MOST[kind]) say("ERROR", "POLICY_SIZE_EXCEEDS_QUOTA", `More than ${MOST[kind]} characters without white space.`);
}

function one(statement, kind, say) {
  for (const name of Object.keys(statement)) if (!ELEMENTS.includes(name)) say("ERROR", "UNSUPPORTED_ELEMENT", `${name} is no element of a statement.`);
  if (statement.Effect === undefined) say("ERROR", "MISSING_EFFECT", "Effect is missing.");
  else if (!["Allow", "Deny"].includes(statement.Effect)) say("ERROR", "INVALID_EFFECT", 'Effect is "Allow" or "Deny".');
  pair(statement, "Action", "NotAction", "MISSING_ACTION", say);
  if (kind !== "trust") pair(statement, "Resource", "NotResource", "MISSING_RESOURCE", say);
  else if (statement.Resource || statement.NotResource) say("ERROR", "UNSUPPORTED_RESOURCE", "A trust policy names no resource.");
  const principal = statement.Principal ?? statement.NotPrincipal;
  if (kind === "identity" && principal !== undefined) say("ERROR", "UNSUPPORTED_PRINCIPAL", "A policy of an identity names no principal.");
  if (kind !== "identity" && principal === undefined) say("ERROR", "MISSING_PRINCIPAL", "Principal is missing.");
  actions(statement, say);
  resources(statement, say);
  wide(statement, kind, say);
  if (statement.Condition && Object.keys(statement.Condition).length === 0) say("SUGGESTION", "EMPTY_OBJECT_CONDITION", "An empty Condition can be left out.");
}

function pair(statement, name, not, missing, say) {
  if (statement[name] !== undefined && statement[not] !== undefined) say("ERROR", "UNSUPPORTED_ELEMENT_COMBINATION", `${name} and ${not} exclude each other.`);
  else if (statement[name] === undefined && statement[not] === undefined) say("ERROR", missing, `${name} is missing.`);
  else if (Array.isArray(statement[name]) && statement[name].length === 0) say("SUGGESTION", `EMPTY_ARRAY_${name.toUpperCase()}`, `An empty ${name} matches nothing.`);
}

function actions(statement, say) {
  const all = [...many(statement.Action), ...many(statement.NotAction)];
  for (const action of all) {
    if (typeof action !== "string" || !(action === "*" || /^[A-Za-z0-9-]+:[A-Za-z0-9*?]+$/.test(action))) say("ERROR", "INVALID_ACTION", `${JSON.stringify(action)} is no action (service:Name).`);
  }
  const given = many(statement.Action).filter((action) => typeof action === "string");
  const redundant = given.filter((action, at) => given.some((other, before) => before !== at && pattern(other).test(action) && (other !== action || before < at)));
  if (redundant.length) say("SUGGESTION", "REDUNDANT_ACTION", `Covered by others: ${redundant.join(", ")}.`);
}

function resources(statement, say) {
  for (const resource of [...many(statement.Resource), ...many(statement.NotResource)]) {
    if (typeof resource !== "string" || !(resource === "*" || /^arn:(aws[\w-]*|\*|\$\{[^}]*\}):[^:]*:[^:]*:[^:]*:.+/.test(resource))) {
      say("ERROR", "INVALID_ARN", `${JSON.stringify(resource)} is neither "*" nor an ARN (arn:aws:service:region:account:resource).`);
    }
  }
}

function wide(statement, kind, say) {
  if (statement.Effect !== "Allow") return;
  const given = many(statement.Action).filter((action) => typeof action === "string");
  const everything = many(statement.Resource).includes("*");
  const has = (action) => given.some((each) => pattern(each).test(action));
  if (everything && given.includes("*")) say("WARNING", "ADMINISTRATOR_ACCESS", "This allows everything on everything.");
  else if (everything && has("iam:PassRole")) say("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_RESOURCE", "iam:PassRole on * lets every role be handed on.");
  if (everything && has("iam:CreateServiceLinkedRole") && !given.includes("*")) say("SECURITY_WARNING", "CREATE_SLR_WITH_STAR_IN_RESOURCE", "iam:CreateServiceLinkedRole on * makes roles of every service.");
  if (statement.NotPrincipal !== undefined) say("SECURITY_WARNING", "ALLOW_WITH_NOT_PRINCIPAL", "Allow with NotPrincipal lets in everybody else, the anonymous too.");
  if (statement.NotAction !== undefined && everything) say("SECURITY_WARNING", "ALLOW_WITH_NOT_ACTION", "Allow with NotAction on * allows nearly everything.");
  const principal = statement.Principal;
  const anybody = principal === "*" || many(principal?.AWS).includes("*");
  if (kind !== "identity" && anybody && !statement.Condition) say("SECURITY_WARNING", "PUBLIC_PRINCIPAL", "Everybody may do this, the anonymous too.");
}
