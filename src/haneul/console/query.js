// The query protocol (IAM, RDS): a form is sent, XML comes back.

import { AwsError, send } from "./aws.js";
import { encode } from "./sigv4.js";

export async function query(service, version, operation, members = {}) {
  const body = Object.entries({ Action: operation, Version: version, ...members }).map(([name, value]) => `${encode(name)}=${encode(String(value))}`).join("&");
  const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  const answer = await send({ method: "POST", path: "/", headers, body, service });
  const page = new DOMParser().parseFromString(await answer.text(), "text/xml");
  const read = (name) => page.querySelector(name)?.textContent || "";
  if (!answer.ok) throw new AwsError(read("Code") || `HTTP ${answer.status}`, read("Message"), answer.status);
  return page;
}

// The members of a list, each as a reader of its own direct children.
export const members = (page, list) => [...page.querySelectorAll(`${list} > *`)].map((row) => (name) =>
  [...row.children].find((child) => child.tagName === name)?.textContent || "");
