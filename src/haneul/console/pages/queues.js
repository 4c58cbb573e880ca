// SQS: the queues; in one of them, messages sent and received by hand.

import { json } from "../aws.js";
import { listing } from "../listing.js";
import { button, field, flash, h, number, pairs, safely, text } from "../page.js";

const call = (operation, members) => json("sqs", `AmazonSQS.${operation}`, members);
const told = async (url) => (await call("GetQueueAttributes", { QueueUrl: url, AttributeNames: ["All"] })).Attributes;

export const render = ([name], again) => (name ? queue(name, again) : all(again));

async function all(again) {
  const [label, name] = field(text("name"), { required: true, maxlength: 80, placeholder: "orders, orders.fifo" });
  const form = h("form", { class: "tools", onsubmit: safely(async () => {
    const fifo = name.value.endsWith(".fifo") ? { Attributes: { FifoQueue: "true", ContentBasedDeduplication: "true" } } : {};
    await call("CreateQueue", { QueueName: name.value, ...fifo });
    again();
  }) }, label, h("button", { type: "submit" }, text("create")));
  const page = async (token) => {
    const answer = await call("ListQueues", { MaxResults: 50, ...(token ? { NextToken: token } : {}) });
    return { items: await Promise.all((answer.QueueUrls || []).map(async (url) => ({ url, name: url.split("/").pop(), ...(await told(url)) }))), next: answer.NextToken || "" };
  };
  const each = (operation) => async (urls) => { for (const url of urls) await call(operation, { QueueUrl: url }); };
  return [form, await listing({
    heads: [text("name"), text("Waiting"), text("In flight"), text("Delayed")], page, key: (one) => one.url, empty: "aws sqs create-queue --queue-name orders",
    cells: (one) => [h("a", { href: `#queues/${one.name}` }, one.name), number(one.ApproximateNumberOfMessages), number(one.ApproximateNumberOfMessagesNotVisible), number(one.ApproximateNumberOfMessagesDelayed)],
    actions: [{ label: "purge", run: each("PurgeQueue"), danger: true }, { label: "delete", run: each("DeleteQueue"), danger: true }],
  })];
}

async function queue(name, again) {
  const { QueueUrl: url } = await call("GetQueueUrl", { QueueName: name });
  const facts = await told(url);
  return [h("p", {}, h("a", { href: "#queues" }, text("back")), ` · ${name}`), pairs([["URL", url], ["ARN", facts.QueueArn], [text("Waiting"), facts.ApproximateNumberOfMessages],
    [text("In flight"), facts.ApproximateNumberOfMessagesNotVisible], ["VisibilityTimeout", `${facts.VisibilityTimeout} s`], ["RedrivePolicy", facts.RedrivePolicy]]),
  sending(url, name, again), receiving(url, facts)];
}

function sending(url, name, again) {
  const fifo = name.endsWith(".fifo");
  const [bodyLabel, body] = field(text("message"), { rows: 5, id: "message", required: true });
  const [groupLabel, group] = field("MessageGroupId", { value: "console", required: fifo });
  const [delayLabel, delay] = field(text("Delay (s)"), { type: "number", min: 0, max: 900, value: 0 });
  const send = safely(async () => {
    const answer = await call("SendMessage", { QueueUrl: url, MessageBody: body.value, ...(fifo ? { MessageGroupId: group.value } : { DelaySeconds: Number(delay.value) }) });
    flash(`${text("done")} ${answer.MessageId}`);
    again();
  });
  return [h("h2", {}, text("send")), h("form", { onsubmit: send }, bodyLabel, h("p", { class: "tools" }, fifo ? groupLabel : delayLabel, h("button", { type: "submit", class: "primary", id: "send" }, text("send"))))];
}

// Received messages stay hidden from others for their time; deleting one here is what a consumer does when it is done.
function receiving(url, facts) {
  const [secondsLabel, seconds] = field(text("Hide for (s)"), { type: "number", min: 0, max: 43200, value: facts.VisibilityTimeout });
  const place = h("div", { "aria-live": "polite" });
  const receive = safely(async () => {
    const { Messages: messages = [] } = await call("ReceiveMessage", { QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: Number(seconds.value), MessageSystemAttributeNames: ["All"], MessageAttributeNames: ["All"] });
    place.replaceChildren(...(messages.length ? messages.map(one) : [h("p", { class: "quiet" }, text("empty"))]));
  });
  const one = (message) => {
    const card = h("div", { class: "card" }, h("code", {}, message.MessageId), h("pre", { tabindex: 0 }, message.Body),
      h("p", { class: "quiet" }, new Date(Number(message.Attributes?.SentTimestamp)).toLocaleString(), ` · ×${message.Attributes?.ApproximateReceiveCount}`),
      message.MessageAttributes ? h("pre", {}, JSON.stringify(message.MessageAttributes, null, 2)) : null,
      button("delete", async () => { await call("DeleteMessage", { QueueUrl: url, ReceiptHandle: message.ReceiptHandle }); card.remove(); }, { class: "danger" }));
    return card;
  };
  return [h("h2", {}, text("receive")), h("form", { class: "tools", onsubmit: receive }, secondsLabel, h("button", { type: "submit", id: "receive" }, text("receive"))), place];
}
