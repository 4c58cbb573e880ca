// The VPC as a picture: its subnets by zone, what runs in them, its ways out, and who reaches whom.

import { byId, ec2, named, pages } from "../ec2.js";
import { collect, listing } from "../listing.js";
import { h, pairs, table, text } from "../page.js";
import { picture } from "../picture.js";
import { list } from "../query.js";
import { fromInternet, reaches } from "../reach.js";
import { tone } from "../states.js";

export const render = ([id]) => (id ? one(id) : all());

const all = () => listing({
  heads: [text("name"), "ID", "CIDR", text("State"), "Default"], page: pages("DescribeVpcs", "vpcSet"), key: (vpc) => vpc.vpcId,
  empty: "aws ec2 create-vpc --cidr-block 10.0.0.0/16",
  cells: (vpc) => [named(vpc.tagSet), h("a", { href: `#network/${vpc.vpcId}` }, vpc.vpcId), vpc.cidrBlock, tone(vpc.state), vpc.isDefault],
});

// Everything of one VPC; what this cloud doesn't tell is left out of the picture.
async function gather(id) {
  const of = async (operation, set, name = "vpc-id", size = 1000) => {
    try { return (await collect(pages(operation, set, { Filter: byId(name, [id]) }, size))).items; } catch { return []; }
  };
  const [vpcs, subnets, tables, gateways, nats, endpoints, acls, groups, reservations, asked, accepted] = await Promise.all([
    ec2("DescribeVpcs", { VpcId: [id] }).then((answer) => list(answer.vpcSet)), of("DescribeSubnets", "subnetSet"), of("DescribeRouteTables", "routeTableSet", "vpc-id", 100),
    of("DescribeInternetGateways", "internetGatewaySet", "attachment.vpc-id"), of("DescribeNatGateways", "natGatewaySet"), of("DescribeVpcEndpoints", "vpcEndpointSet"),
    of("DescribeNetworkAcls", "networkAclSet"), of("DescribeSecurityGroups", "securityGroupInfo"), of("DescribeInstances", "reservationSet"),
    of("DescribeVpcPeeringConnections", "vpcPeeringConnectionSet", "requester-vpc-info.vpc-id"), of("DescribeVpcPeeringConnections", "vpcPeeringConnectionSet", "accepter-vpc-info.vpc-id"),
  ]);
  const instances = reservations.flatMap((each) => list(each.instancesSet)).filter((each) => each.subnetId);
  const peerings = [...asked, ...accepted].filter((each) => each.status.code === "active");
  return { id, vpc: vpcs[0], subnets, tables, gateways, nats: nats.filter((each) => each.state === "available"), endpoints, acls, groups, instances, peerings };
}

export function tableOf(found, subnet) {
  const of = (wanted) => found.tables.find((each) => list(each.associationSet).some(wanted));
  return of((at) => at.subnetId === subnet) || of((at) => at.main === "true");
}

const isPublic = (found, subnet) => list(tableOf(found, subnet)?.routeSet).some((route) => route.gatewayId?.startsWith("igw-") && route.destinationCidrBlock === "0.0.0.0/0" && route.state === "active");

// The two ends that reach.js judges.
function ends(found) {
  const aclOf = (subnet) => found.acls.find((acl) => list(acl.associationSet).some((at) => at.subnetId === subnet));
  return found.instances.map((each) => {
    const ids = list(each.groupSet).map((group) => group.groupId);
    return { id: each.instanceId, name: named(each.tagSet) || each.instanceId, address: each.privateIpAddress, publicAddress: each.ipAddress, subnet: each.subnetId,
      groups: ids, rules: found.groups.filter((group) => ids.includes(group.groupId)), acl: aclOf(each.subnetId), isPublic: isPublic(found, each.subnetId) };
  });
}

async function one(id) {
  const found = await gather(id);
  found.subnets.sort((a, b) => (a.availabilityZone + a.cidrBlock < b.availabilityZone + b.cidrBlock ? -1 : 1));
  found.isPublic = (subnet) => isPublic(found, subnet);
  found.tableOf = (subnet) => tableOf(found, subnet);
  const these = ends(found);
  const reached = reach(these);
  return [h("p", {}, h("a", { href: "#network" }, text("back")), ` · ${named(found.vpc.tagSet) || id}`),
    pairs([["ID", id], ["CIDR", list(found.vpc.cidrBlockAssociationSet).map((block) => block.cidrBlock).join(", ") || found.vpc.cidrBlock], [text("State"), tone(found.vpc.state)],
      ["Default", found.vpc.isDefault], ["DHCP", found.vpc.dhcpOptionsId]]),
    picture(found, reached), h("h2", {}, text("Who reaches whom")), table([text("From"), text("To"), text("Ports")], reached.map(({ from, to, ports }) => [from.name, to.name, ports.join(", ")])),
    h("h2", {}, text("Route tables")), routes(found)];
}

function reach(these) {
  const world = { id: "internet", name: "Internet" };
  return these.flatMap((to) => [{ from: world, to, ports: fromInternet(to) }, ...these.filter((from) => from !== to).map((from) => ({ from, to, ports: reaches(from, to) }))])
    .filter(({ ports }) => ports.length > 0);
}

const target = (route) => route.gatewayId || route.natGatewayId || route.vpcPeeringConnectionId || route.networkInterfaceId || route.instanceId || route.egressOnlyInternetGatewayId || "";

const routes = (found) => h("div", {}, found.tables.map((each) => h("div", {}, h("h3", {}, `${named(each.tagSet)} ${each.routeTableId}`),
  h("p", { class: "quiet" }, list(each.associationSet).map((at) => (at.main === "true" ? "main" : at.subnetId)).join(", ")),
  table([text("Destination"), text("To"), text("State")], list(each.routeSet).map((route) => [route.destinationCidrBlock || route.destinationIpv6CidrBlock || route.destinationPrefixListId,
    target(route), tone(route.state)])))));
