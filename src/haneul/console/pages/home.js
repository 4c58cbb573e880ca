// Health, what there is of the most used things, and how to reach this cloud from elsewhere.

import { session } from "../aws.js";
import { INVENTORY } from "../inventory.js";
import { h, text } from "../page.js";

const SHOWN = ["EC2 instances", "Lambda functions", "S3 buckets", "DynamoDB tables", "RDS databases", "SQS queues"];

async function card(service) {
  let value;
  try { value = String((await service.look()).length); } catch (error) { value = error.code || "-"; }
  return h("a", { class: "card", href: `#${service.page}` }, h("b", {}, value), service.title);
}

export async function render() {
  const [answer, ...cards] = await Promise.all([fetch("/_haneul/health"), ...INVENTORY.filter(({ title }) => SHOWN.includes(title)).map(card)]);
  const health = await answer.json();
  const services = Object.entries(health.services).map(([name, state]) => h("li", {}, name + " ", h("span", { class: state === "running" ? "good" : "quiet" }, state === "running" ? text("loaded") : text("ready"))));
  const commands = [`export AWS_ENDPOINT_URL=${location.origin}`, `export AWS_ACCESS_KEY_ID=${session.access}`, "export AWS_SECRET_ACCESS_KEY=...", `export AWS_REGION=${session.region}`, "aws s3 ls"];
  return [h("p", { class: "quiet" }, `Haneul ${health.version} · ${text("mode")} ${health.mode}`), h("div", { class: "cards" }, cards),
    h("h2", {}, text("From the command line")), h("pre", { tabindex: 0 }, commands.join("\n")), h("h2", {}, text("service")), h("ul", { class: "names" }, services)];
}
