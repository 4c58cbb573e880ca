// The rest-json protocol (Lambda, Glacier): a path names the thing. Names with characters that need escaping are not used here.

import { AwsError, send } from "./aws.js";

export async function rest(service, method, path, { body = "", headers = {}, query = {} } = {}) {
  const answer = await send({ method, path, query, body, headers, service });
  const words = await answer.text();
  if (answer.ok) return words ? JSON.parse(words) : {};
  let told = {};
  try { told = JSON.parse(words); } catch { /* not JSON: the status alone tells */ }
  const code = (answer.headers.get("x-amzn-errortype") || told.code || told.__type || `HTTP ${answer.status}`).split(":")[0];
  throw new AwsError(code, told.message || told.Message, answer.status);
}
