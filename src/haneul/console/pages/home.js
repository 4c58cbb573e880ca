// Health and what there is of everything.

import { json, s3xml } from "../aws.js";
import { h, text } from "../page.js";

async function count(work) {
  try {
    return String(await work());
  } catch (error) {
    return error.code || "-";
  }
}

export async function render() {
  const health = await (await fetch("/_haneul/health")).json();
  const [buckets, tables, queues] = await Promise.all([
    count(async () => (await s3xml("")).querySelectorAll("Bucket").length),
    count(async () => (await json("dynamodb", "DynamoDB_20120810.ListTables", {})).TableNames.length),
    count(async () => ((await json("sqs", "AmazonSQS.ListQueues", {})).QueueUrls || []).length),
  ]);
  const card = (name, value, link) => h("a", { class: "card", href: `#${link}` }, h("b", {}, value), text(name));
  const services = Object.entries(health.services).map(([name, state]) =>
    h("li", {}, name + " ", h("span", { class: "quiet" }, state === "running" ? text("loaded") : text("ready"))));
  return [
    h("p", { class: "quiet" }, `Haneul ${health.version} · ${text("mode")} ${health.mode}`),
    h("div", { class: "cards" }, card("buckets", buckets, "buckets"), card("tables", tables, "tables"), card("queues", queues, "queues")),
    h("h2", {}, text("service")),
    h("ul", { class: "cards" }, services),
  ];
}
