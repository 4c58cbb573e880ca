// Signature Version 4 in the browser, by WebCrypto. The secret never leaves this page.
// Source: AWS, "Create a signed AWS API request".

const encoder = new TextEncoder();
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (data) => hex(await crypto.subtle.digest("SHA-256", typeof data === "string" ? encoder.encode(data) : data));

async function hmac(key, text) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, encoder.encode(text));
}

export function encode(text, keepSlash = false) {
  const escaped = encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
  return keepSlash ? escaped.replaceAll("%2F", "/") : escaped;
}

export function queryString(query) {
  const pairs = Object.entries(query).map(([name, value]) => [encode(name), encode(String(value))]);
  return pairs.sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join("&");
}

async function derive(session, date, service) {
  let key = encoder.encode("AWS4" + session.secret);
  for (const part of [date, session.region, service, "aws4_request"]) key = await hmac(key, part);
  return key;
}

const stampNow = () => new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");

// The headers of a request with an Authorization; `path` is already encoded, `body` text or an ArrayBuffer.
export async function sign(session, { method, path, query = {}, headers = {}, body = "", service }) {
  const stamp = stampNow();
  const digest = await sha256(body);
  const signed = { host: location.host, "x-amz-content-sha256": digest, "x-amz-date": stamp, ...headers };
  if (session.token) signed["x-amz-security-token"] = session.token;
  const names = Object.keys(signed).sort();
  const canonical = [method, path, queryString(query), ...names.map((n) => `${n}:${String(signed[n]).trim()}`), "", names.join(";"), digest];
  const scope = `${stamp.slice(0, 8)}/${session.region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", stamp, scope, await sha256(canonical.join("\n"))].join("\n");
  const signature = hex(await hmac(await derive(session, stamp.slice(0, 8), service), text));
  delete signed.host; // the browser writes it
  const credential = `Credential=${session.access}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...signed, authorization: `AWS4-HMAC-SHA256 ${credential}` };
}

// A URL that anybody may use for `seconds`. S3 takes the body's digest on trust, the others sign that of an empty one.
export async function presign(session, { path, seconds = 3600, service = "s3", more = {} }) {
  const stamp = stampNow();
  const scope = `${stamp.slice(0, 8)}/${session.region}/${service}/aws4_request`;
  const query = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": `${session.access}/${scope}`, "X-Amz-Date": stamp,
    "X-Amz-Expires": seconds, "X-Amz-SignedHeaders": "host",
    ...(session.token ? { "X-Amz-Security-Token": session.token } : {}), ...more,
  };
  const digest = service === "s3" ? "UNSIGNED-PAYLOAD" : await sha256("");
  const canonical = ["GET", path, queryString(query), `host:${location.host}`, "", "host", digest].join("\n");
  const text = ["AWS4-HMAC-SHA256", stamp, scope, await sha256(canonical)].join("\n");
  const signature = hex(await hmac(await derive(session, stamp.slice(0, 8), service), text));
  return `${location.origin}${path}?${queryString(query)}&X-Amz-Signature=${signature}`;
}
