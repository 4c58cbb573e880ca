// SQS: queues, and a message sent or received by hand.

import { json } from "../aws.js";
import { field, flash, h, safely, table, text } from "../page.js";

const call = (operation, members) => json("sqs", `AmazonSQS.${operation}`, members);

export async function render(_, again) {
  const urls = (await call("ListQueues", {})).QueueUrls || [];
  const [label, name] = field(text("name"), { required: true });
  const form = h("form", { class: "tools", onsubmit: safely(async () => {
    const fifo = name.value.endsWith(".fifo") ? { Attributes: { FifoQueue: "true", ContentBasedDeduplication: "true" } } : {};
    await call("CreateQueue", { QueueName: name.value, ...fifo });
    again();
  }) }, label, h("button", { type: "submit" }, text("create")));
  const seen = h("pre", { tabindex: 0, "aria-live": "polite" });
  const rows = await Promise.all(urls.map((url) => row(url, seen, again)));
  return [form, table([text("name"), text("items"), ""], rows), seen];
}

async function row(url, seen, again) {
  const name = url.split("/").pop();
  const { Attributes: attributes } = await call("GetQueueAttributes", { QueueUrl: url, AttributeNames: ["All"] });
  const button = (label, work, more = {}) => h("button", { onclick: safely(work), ...more }, text(label));
  return [name, attributes.ApproximateNumberOfMessages, h("span", { class: "tools" },
    button("send", async () => {
      const body = prompt(text("message"));
      if (body === null) return;
      await call("SendMessage", { QueueUrl: url, MessageBody: body, ...(name.endsWith(".fifo") ? { MessageGroupId: "console" } : {}) });
      flash(text("done"));
      again();
    }),
    button("receive", async () => {
      const { Messages: messages = [] } = await call("ReceiveMessage", { QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 0 });
      seen.textContent = messages.map((message) => message.Body).join("\n---\n") || text("empty");
    }),
    button("purge", async () => { await call("PurgeQueue", { QueueUrl: url }); again(); }, { class: "danger" }),
    button("delete", async () => {
      if (!confirm(text("sure", name))) return;
      await call("DeleteQueue", { QueueUrl: url });
      again();
    }, { class: "danger" }))];
}
