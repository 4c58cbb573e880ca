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

// {Filter: [{Name: "a", Value: ["b"]}]} as the members of a form: Filter.1.Name=a, Filter.1.Value.1=b. What is undefined or "" is left out.
export function flat(value, name = "", found = {}) {
  if (Array.isArray(value)) value.forEach((one, at) => flat(one, `${name}.${at + 1}`, found));
  else if (value !== null && typeof value === "object") for (const [key, one] of Object.entries(value)) flat(one, name ? `${name}.${key}` : key, found);
  else if (value !== undefined && value !== "") found[name] = value;
  return found;
}

// An element as plain data: lists (of <item> or <member>) as arrays, structures as objects, the rest as text.
export function plain(element) {
  const children = [...element.children];
  if (children.length === 0) return element.textContent;
  if (children.every((child) => child.tagName === "item" || child.tagName === "member")) return children.map(plain);
  return Object.fromEntries(children.map((child) => [child.tagName, plain(child)]));
}

export const list = (value) => (Array.isArray(value) ? value : []);

// The members of a list, each as a reader of its own direct children.
export const members = (page, list) => [...page.querySelectorAll(`${list} > *`)].map((row) => (name) =>
  [...row.children].find((child) => child.tagName === name)?.textContent || "");
