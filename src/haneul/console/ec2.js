// EC2's calls: nested members in, plain data out. Lists may be missing where they are empty: read them by `list`.

import { flat, plain, query } from "./query.js";

export const ec2 = async (operation, given = {}) => plain((await query("ec2", "2016-11-15", operation, flat(given))).documentElement);

export const named = (tags) => (Array.isArray(tags) ? tags : []).find((tag) => tag.key === "Name")?.value || "";
export const byId = (name, ids) => [{ Name: name, Value: ids }];

// One page of a Describe, for `listing`.
export const pages = (operation, set, given = {}, size = 50) => async (token) => {
  const answer = await ec2(operation, { MaxResults: size, NextToken: token, ...given });
  return { items: Array.isArray(answer[set]) ? answer[set] : [], next: answer.nextToken || "" };
};
