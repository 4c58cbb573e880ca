"""What AWS itself puts into an account's region beside its default VPC: a set of DHCP options, and the prefix lists of
the services that gateway endpoints lead to. They are rows like any other, so that rules and tags find them."""

from __future__ import annotations

from haneul.engines.networks.port import SERVICES
from haneul.service import Scope
from haneul.services.ec2.vpc import names
from haneul.services.ec2.vpc.state import ACCOUNTS, DHCP, PREFIX_LIST, Account, DhcpOptions, PrefixList
from haneul.state.store import Writer

GATEWAYS = ("s3", "dynamodb")
"""Services that have gateway endpoints, and so a prefix list."""
_IDS = {"s3": "pl-63a5400a", "dynamodb": "pl-02cd2c6b"}
_SETTING = "default-dhcp-options"


def list_id(service: str) -> str:
    """The id of a service's prefix list; the same in every region here."""
    return _IDS[service]


def make_lists(tx: Writer, scope: Scope, now: float) -> None:
    """The prefix lists are there. Their one block is the address at which guests find this cloud's services."""
    for service, identifier in _IDS.items():
        if PREFIX_LIST.find(tx, scope, identifier) is None:
            entries = {f"{SERVICES}/32": ""}
            row = PrefixList(
                id=identifier,
                name=f"com.amazonaws.{scope.region}.{service}",
                family="IPv4",
                created=now,
                size=1,
                owner="AWS",
                entries=entries,
                versions={1: entries},
            )
            PREFIX_LIST.table.put(tx, scope, row)


def default_options(tx: Writer, scope: Scope, now: float) -> str:
    """The id of the DHCP options that new VPCs start with; "default" (none at all) once somebody deleted them."""
    account = ACCOUNTS.get(tx, scope, "account") or Account()
    identifier = account.settings.get(_SETTING)
    if identifier is None:
        options = {"domain-name": [names.domain(scope.region)], "domain-name-servers": ["AmazonProvidedDNS"]}
        row = DhcpOptions(id=DHCP.new_id(), options=options, created=now)
        DHCP.table.put(tx, scope, row)
        account.settings = {**account.settings, _SETTING: row.id}
        ACCOUNTS.put(tx, scope, account)
        return row.id
    return identifier if DHCP.find(tx, scope, identifier) is not None else "default"
