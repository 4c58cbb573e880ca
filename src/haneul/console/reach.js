// Who reaches whom inside a VPC, by what EC2 tells: security groups of both ends, network ACLs there and back, and the route out.
// It judges descriptions; the packets themselves are judged by the kernel.

import { list } from "./query.js";

const number = (address) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

export function within(address, block) {
  const [base, bits] = block.split("/");
  const size = 2 ** (32 - Number(bits));
  return address && !block.includes(":") && Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

const spanOf = (rule) => (rule.ipProtocol === "-1" || rule.fromPort === undefined || rule.fromPort === "-1" ? [0, 65535] : [Number(rule.fromPort), Number(rule.toPort)]);

// What a group's rules let through to (or from) somebody with this address and these groups: [{protocol, span}].
function opened(groups, side, peer) {
  return groups.flatMap((group) => list(group[side])).filter((rule) =>
    list(rule.ipRanges).some((range) => within(peer.address, range.cidrIp) || (!peer.address && range.cidrIp === "0.0.0.0/0"))
    || list(rule.groups).some((other) => peer.groups.includes(other.groupId))).map((rule) => ({ protocol: rule.ipProtocol, span: spanOf(rule) }));
}

function both(first, second) {
  const found = [];
  for (const a of first) for (const b of second) {
    if (a.protocol !== b.protocol && a.protocol !== "-1" && b.protocol !== "-1") continue;
    const span = [Math.max(a.span[0], b.span[0]), Math.min(a.span[1], b.span[1])];
    if (span[0] <= span[1]) found.push({ protocol: a.protocol === "-1" ? b.protocol : a.protocol, span });
  }
  return found;
}

const NUMBERS = { tcp: "6", udp: "17", icmp: "1" };

// Whether an ACL lets a packet pass: the first entry that fits decides. A port range is judged by its first port.
export function passes(acl, egress, protocol, port, address) {
  const entries = list(acl?.entrySet).filter((entry) => (entry.egress === "true") === egress).sort((a, b) => a.ruleNumber - b.ruleNumber);
  for (const entry of entries) {
    const fits = (entry.protocol === "-1" || entry.protocol === (NUMBERS[protocol] || protocol)) && entry.cidrBlock && (within(address, entry.cidrBlock))
      && (!entry.portRange || (Number(entry.portRange.from) <= port && port <= Number(entry.portRange.to)));
    if (fits) return entry.ruleAction === "allow";
  }
  return entries.length === 0;
}

const EPHEMERAL = 50_000;

// a and b: {address, groups: [ids], rules: [groups], acl, subnet}; the ports at which a reaches b, as words.
export function reaches(a, b) {
  const open = both(opened(a.rules, "ipPermissionsEgress", b), opened(b.rules, "ipPermissions", a));
  const crossing = a.subnet !== b.subnet;
  return words(open.filter(({ protocol, span }) => {
    const asked = protocol === "-1" ? "tcp" : protocol;
    return !crossing || (passes(a.acl, true, asked, span[0], b.address) && passes(b.acl, false, asked, span[0], a.address)
      && passes(b.acl, true, asked, EPHEMERAL, a.address) && passes(a.acl, false, asked, EPHEMERAL, b.address));
  }));
}

// From the internet: a public address, a route out by an internet gateway, a group and an ACL that let everybody in.
export function fromInternet(b) {
  if (!b.publicAddress || !b.isPublic) return [];
  const anybody = "203.0.113.1";
  return words(opened(b.rules, "ipPermissions", { address: anybody, groups: [] }).filter(({ protocol, span }) =>
    passes(b.acl, false, protocol === "-1" ? "tcp" : protocol, span[0], anybody) && passes(b.acl, true, protocol === "-1" ? "tcp" : protocol, EPHEMERAL, anybody)));
}

function words(found) {
  const said = found.map(({ protocol, span }) => {
    const ports = span[0] === 0 && span[1] === 65535 ? "*" : span[0] === span[1] ? String(span[0]) : `${span[0]}-${span[1]}`;
    return protocol === "-1" ? (ports === "*" ? "*" : `* ${ports}`) : `${protocol} ${ports}`;
  });
  return said.includes("*") ? ["*"] : [...new Set(said)].sort();
}
