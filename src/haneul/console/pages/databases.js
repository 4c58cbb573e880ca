// RDS: databases, where they listen and how they are.

import { table, text } from "../page.js";
import { members, query } from "../query.js";

export async function render() {
  const page = await query("rds", "2014-10-31", "DescribeDBInstances");
  const endpoints = new Map([...page.querySelectorAll("DBInstance")].map((row) => [row.querySelector("DBInstanceIdentifier").textContent,
    [row.querySelector("Endpoint > Address")?.textContent, row.querySelector("Endpoint > Port")?.textContent].filter(Boolean).join(":")]));
  return table([text("name"), text("status"), text("engine"), text("endpoint")], members(page, "DBInstances").map((read) =>
    [read("DBInstanceIdentifier"), read("DBInstanceStatus"), `${read("Engine")} ${read("EngineVersion")}`, endpoints.get(read("DBInstanceIdentifier")) || ""]));
}
