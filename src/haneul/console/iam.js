// IAM's calls: nested members in, plain data out, and the pages of its lists.

import { flat, list, plain, query } from "./query.js";

export async function iam(operation, given = {}) {
  const page = await query("iam", "2010-05-08", operation, flat(given));
  const result = page.querySelector(`${operation}Result`);
  return result ? plain(result) : {};
}

// One page of a list, for `listing` and `collect`.
export const pages = (operation, member, given = {}, size = 50) => async (marker) => {
  const answer = await iam(operation, { MaxItems: size, Marker: marker, ...given });
  return { items: list(answer[member]), next: answer.IsTruncated === "true" ? answer.Marker : "" };
};
