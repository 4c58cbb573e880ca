// AWS's APIs from the browser: rest-xml for S3, JSON with a target, and the signed page of our own.

import { encode, queryString, sign } from "./sigv4.js";

export class AwsError extends Error {
  constructor(code, message, status) {
    super(message || code);
    this.code = code;
    this.status = status;
  }
}

// Who calls: kept in this tab alone.
export const session = {
  access: sessionStorage.getItem("access") || "test",
  secret: sessionStorage.getItem("secret") || "test",
  token: sessionStorage.getItem("token") || "",
  region: sessionStorage.getItem("region") || "us-east-1",
  save() {
    for (const name of ["access", "secret", "token", "region"]) sessionStorage.setItem(name, this[name]);
  },
};

export async function send(request) {
  const headers = await sign(session, request);
  const text = queryString(request.query || {});
  const body = request.method === "GET" || request.method === "HEAD" ? undefined : request.body;
  return fetch(request.path + (text ? "?" + text : ""), { method: request.method, headers, body, cache: "no-store" });
}

export async function json(service, target, members, version = "1.0") {
  const headers = { "content-type": `application/x-amz-json-${version}`, "x-amz-target": target };
  const answer = await send({ method: "POST", path: "/", headers, body: JSON.stringify(members), service });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new AwsError((told.__type || "Error").split("#").pop(), told.message || told.Message, answer.status);
  return told;
}

export const objectPath = (bucket, key = "") => `/${encode(bucket)}${key === "" ? "" : "/" + encode(key, true)}`;

export async function s3(method, bucket, { key = "", query = {}, body = "", headers = {} } = {}) {
  const path = bucket ? objectPath(bucket, key) : "/";
  const answer = await send({ method, path, query, body, headers, service: "s3" });
  if (!answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/xml");
    const read = (name) => page.querySelector(name)?.textContent || "";
    throw new AwsError(read("Code") || `HTTP ${answer.status}`, read("Message"), answer.status);
  }
  return answer;
}

export async function s3xml(bucket, query = {}) {
  return new DOMParser().parseFromString(await (await s3("GET", bucket, { query })).text(), "text/xml");
}

// A page of the cloud's own; refusals are XML of S3's kind, or JSON where a room serves it.
export async function inside(path, service = "haneul") {
  const answer = await send({ method: "GET", path, service });
  if (answer.ok) return answer.json();
  const words = await answer.text();
  let [code, message] = [`HTTP ${answer.status}`, words.slice(0, 300)];
  try { ({ code, message } = JSON.parse(words)); } catch {
    const page = new DOMParser().parseFromString(words, "text/xml");
    code = page.querySelector("Code")?.textContent || code;
    message = page.querySelector("Message")?.textContent || message;
  }
  throw new AwsError(code, message, answer.status);
}
