"""Outbound federation: the switch for tokens that principals show to others (sts GetWebIdentityToken)."""

from __future__ import annotations

import asyncio

from haneul.auth import issuers, tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam.account import settings
from haneul.services.iam.entities import Answer, Request, change, directory, transact
from haneul.services.iam.errors import errors
from haneul.state.store import Writer


@operation()
async def enable_outbound_web_identity_federation(call: Call, request: Request) -> Answer:
    """The issuer answers on this cloud's own port, under a name of its own."""
    keys = await asyncio.to_thread(issuers.new_keys, directory(call).sealed)
    one = tokens.uuid()
    url = f"{'https' if call.http is not None and call.http.secure else 'http'}://{one}.{issuers.HOST}.{_domain(call)}"

    def enable(tx: Writer) -> None:
        row = settings(tx, call)
        if row.issuer:
            raise errors.FeatureEnabled("Outbound web identity federation is already enabled for this account.")
        row.issuer = url
        tables.ACCOUNTS.put(tx, tables.scope(call.account), row)
        tables.ISSUERS.put(tx, tables.HOUSE, tables.Issuer(one, call.account, url, keys))

    await transact(call, enable)
    return {"IssuerIdentifier": url}


@operation()
def get_outbound_web_identity_federation_info(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        issuer = settings(tx, call).issuer
    if not issuer:
        raise _disabled()
    return {"IssuerIdentifier": issuer, "JwtVendingEnabled": True}


@operation()
def disable_outbound_web_identity_federation(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = settings(tx, call)
        if not row.issuer:
            raise _disabled()
        issuer = issuers.find(tx, row.issuer)
        if issuer is not None:
            tables.ISSUERS.delete(tx, tables.HOUSE, issuer.id)
        row.issuer = ""
        tables.ACCOUNTS.put(tx, tables.scope(call.account), row)
    return {}


def _disabled() -> Exception:
    return errors.FeatureDisabled("Outbound web identity federation is not enabled for this account.")


def _domain(call: Call) -> str:
    """The installation's own domain, or localhost, with the port that the caller came to."""
    host = "" if call.http is None else call.http.headers.get("host", "")
    port = host.rpartition(":")[2]
    name = call.cloud.config.domain or "localhost"
    return f"{name}:{port}" if port.isdigit() else name
