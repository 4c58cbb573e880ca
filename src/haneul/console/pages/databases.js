// RDS: instances and clusters, where they listen, how to reach them, and SQL that reads.

import { listing } from "../listing.js";
import { button, h, pairs, text } from "../page.js";
import { flat, query } from "../query.js";
import { sqlBox } from "../sql.js";
import { tone } from "../states.js";

const read = (row, name) => [...row.children].find((child) => child.tagName === name)?.textContent || "";
const rds = (operation, given = {}) => query("rds", "2014-10-31", operation, flat(given));
const MOVING = /ing$|^backing-up$/;

export const render = ([kind, name], again) => (kind === "clusters" ? cluster(name, again) : kind ? instance(kind, again) : all());

const pages = (operation, tag, set) => async (marker) => {
  const page = await rds(operation, { MaxRecords: 50, Marker: marker });
  return { items: [...page.querySelectorAll(`${set} > ${tag}`)], next: page.querySelector("Marker")?.textContent || "" };
};

async function all() {
  const instances = await listing({
    heads: [text("name"), text("State"), text("engine"), text("Type"), text("endpoint")], page: pages("DescribeDBInstances", "DBInstance", "DBInstances"),
    key: (row) => read(row, "DBInstanceIdentifier"), busy: (row) => MOVING.test(read(row, "DBInstanceStatus")),
    empty: "aws rds create-db-instance --db-instance-identifier shop --engine postgres --db-instance-class db.t4g.micro \\\n  --allocated-storage 20 --master-username app --manage-master-user-password",
    cells: (row) => [h("a", { href: `#databases/${read(row, "DBInstanceIdentifier")}` }, read(row, "DBInstanceIdentifier")), tone(read(row, "DBInstanceStatus")),
      `${read(row, "Engine")} ${read(row, "EngineVersion")}`, read(row, "DBInstanceClass"), address(row)],
    actions: [{ label: "Start", run: each("StartDBInstance") }, { label: "Stop", run: each("StopDBInstance"), danger: true }, { label: "Reboot", run: each("RebootDBInstance") }],
  });
  const clusters = await listing({
    heads: [text("name"), text("State"), text("engine"), text("endpoint"), "Data API"], page: pages("DescribeDBClusters", "DBCluster", "DBClusters"),
    key: (row) => read(row, "DBClusterIdentifier"), busy: (row) => MOVING.test(read(row, "Status")),
    empty: "aws rds create-db-cluster --db-cluster-identifier shop --engine aurora-postgresql --enable-http-endpoint \\\n  --master-username app --manage-master-user-password",
    cells: (row) => [h("a", { href: `#databases/clusters/${read(row, "DBClusterIdentifier")}` }, read(row, "DBClusterIdentifier")), tone(read(row, "Status")),
      `${read(row, "Engine")} ${read(row, "EngineVersion")}`, `${read(row, "Endpoint")}:${read(row, "Port")}`, read(row, "HttpEndpointEnabled")],
  });
  return [h("h2", {}, text("Instance")), instances, h("h2", {}, text("Clusters")), clusters];
}

const each = (operation) => async (ids) => { for (const id of ids) await rds(operation, { DBInstanceIdentifier: id }); };
const address = (row) => [row.querySelector("Endpoint > Address")?.textContent, row.querySelector("Endpoint > Port")?.textContent].filter(Boolean).join(":");
const way = (name) => h("p", {}, h("a", { href: "#databases" }, text("back")), ` · ${name}`);

function clientOf(engine, host, user, database) {
  const [name, port] = host.split(":");
  return engine.includes("postgres") ? `psql "host=${name} port=${port} user=${user} dbname=${database || "postgres"}"` : `mariadb --host=${name} --port=${port} --user=${user} --password ${database}`;
}

async function instance(name, again) {
  const row = (await rds("DescribeDBInstances", { DBInstanceIdentifier: name })).querySelector("DBInstances > DBInstance");
  const act = (label, operation, danger) => button(label, async () => { await rds(operation, { DBInstanceIdentifier: name }); again(); }, { class: danger ? "danger" : "" });
  const state = read(row, "DBInstanceStatus");
  const belongs = read(row, "DBClusterIdentifier");
  return [way(name), h("div", { class: "tools" }, state === "stopped" ? act("Start", "StartDBInstance") : act("Stop", "StopDBInstance", true), act("Reboot", "RebootDBInstance")),
    pairs([[text("State"), tone(state)], [text("engine"), `${read(row, "Engine")} ${read(row, "EngineVersion")}`], [text("Type"), read(row, "DBInstanceClass")], [text("endpoint"), address(row)],
      [text("User"), read(row, "MasterUsername")], ["ARN", read(row, "DBInstanceArn")], [text("size"), `${read(row, "AllocatedStorage")} GiB`],
      ["Secret", row.querySelector("MasterUserSecret > SecretArn")?.textContent], [text("Clusters"), belongs ? h("a", { href: `#databases/clusters/${belongs}` }, belongs) : ""]]),
    address(row) ? [h("h2", {}, text("From the command line")), h("pre", { tabindex: 0 }, clientOf(read(row, "Engine"), address(row), read(row, "MasterUsername"), read(row, "DBName")))] : null,
    belongs ? null : h("p", { class: "quiet" }, text("SQL in the browser goes through the Data API, which AWS has for Aurora clusters alone."))];
}

async function cluster(name, again) {
  const row = (await rds("DescribeDBClusters", { DBClusterIdentifier: name })).querySelector("DBClusters > DBCluster");
  const enabled = read(row, "HttpEndpointEnabled") === "true";
  const enable = button("Enable the Data API", async () => { await rds("EnableHttpEndpoint", { ResourceArn: read(row, "DBClusterArn") }); again(); });
  const members = [...row.querySelectorAll("DBClusterMember")].map((each) => read(each, "DBInstanceIdentifier"));
  const host = `${read(row, "Endpoint")}:${read(row, "Port")}`;
  return [way(name), pairs([[text("State"), tone(read(row, "Status"))], [text("engine"), `${read(row, "Engine")} ${read(row, "EngineVersion")}`], [text("endpoint"), host],
    ["Reader", read(row, "ReaderEndpoint")], [text("User"), read(row, "MasterUsername")], ["ARN", read(row, "DBClusterArn")],
    [text("Instance"), h("span", {}, members.flatMap((each) => [h("a", { href: `#databases/${each}` }, each), " "]))]]),
  h("h2", {}, text("From the command line")), h("pre", { tabindex: 0 }, clientOf(read(row, "Engine"), host, read(row, "MasterUsername"), read(row, "DatabaseName"))),
  enabled ? sqlBox(read(row, "DBClusterArn"), read(row, "DatabaseName"), read(row, "MasterUsername")) : h("p", { class: "tools" }, enable)];
}
