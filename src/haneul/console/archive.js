// Glacier's tree hash, and archives on their way in. Source: AWS, "Computing Checksums" (S3 Glacier developer guide).

import { AwsError, send } from "./aws.js";

const MIB = 1 << 20;
const sha256 = (data) => crypto.subtle.digest("SHA-256", data);
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export async function treeHash(buffer) {
  let level = [];
  for (let at = 0; at < Math.max(buffer.byteLength, 1); at += MIB) level.push(await sha256(buffer.slice(at, at + MIB)));
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at < level.length; at += 2) above.push(level[at + 1] ? await sha256(await new Blob([level[at], level[at + 1]]).arrayBuffer()) : level[at]);
    level = above;
  }
  return hex(level[0]);
}

export async function uploadArchive(vault, file) {
  const body = await file.arrayBuffer();
  const headers = { "x-amz-glacier-version": "2012-06-01", "x-amz-archive-description": file.name.replace(/[^\x20-\x7e]/g, "?"), "x-amz-sha256-tree-hash": await treeHash(body) };
  const answer = await send({ method: "POST", path: `/-/vaults/${vault}/archives`, headers, body, service: "glacier" });
  if (!answer.ok) {
    const told = await answer.json();
    throw new AwsError(told.code, told.message, answer.status);
  }
  return answer.headers.get("x-amz-archive-id");
}
