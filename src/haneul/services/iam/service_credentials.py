"""Service-specific credentials: user names and passwords where SigV4 is not spoken, and API keys for Bedrock."""

from __future__ import annotations

import base64

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import entities
from haneul.services.iam.entities import Answer, Request, change, directory, own_name
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import USER, USER_KEYS
from haneul.state.store import Reader

QUOTA = 2
_API_KEYS = frozenset({"bedrock.amazonaws.com"})
_SERVICES = frozenset({"codecommit.amazonaws.com", "cassandra.amazonaws.com"}) | _API_KEYS


@operation(resource=USER, conditions=USER_KEYS)
def create_service_specific_credential(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    service = request["ServiceName"]
    with change(call) as tx:
        user = entities.user(tx, call, request["UserName"])
        _check_service(service)
        held = [one for one in tables.SERVICE_CREDENTIALS.scan(tx, scope, user.key) if one.service == service]
        if len(held) >= QUOTA:
            raise errors.LimitExceeded(f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {QUOTA}")
        names = {one.service_user for one in held}
        first, second = (f"{user.name}{number}-at-{call.account}" for number in ("", "+1"))
        secret = _new_secret()
        now = entities.now(call)
        days = request.get("CredentialAgeDays")
        row = tables.ServiceCredential(
            user=user.key,
            id=tokens.unique_id("ACCA"),
            service=service,
            service_user=second if first in names else first,
            secret=directory(call).sealed.seal(secret.encode(), b"service-credential"),
            created=now,
            expires=None if days is None else now + days * 86_400,
        )
        tables.SERVICE_CREDENTIALS.put(tx, scope, row)
    return {"ServiceSpecificCredential": _describe(call, user, row) | _told(row, secret)}


@operation(resource=USER, conditions=USER_KEYS)
def list_service_specific_credentials(call: Call, request: Request) -> Answer:
    service = request.get("ServiceName")
    if service is not None:
        _check_service(service)
    with call.read() as tx:
        if request.get("AllUsers"):
            users = list(tables.USERS.scan(tx, tables.scope(call.account)))
        else:
            users = [entities.user(tx, call, own_name(call, request))]
        rows = [
            (user, row)
            for user in users
            for row in tables.SERVICE_CREDENTIALS.scan(tx, tables.scope(call.account), user.key)
            if service is None or row.service == service
        ]
    answer = page(
        request,
        "ServiceSpecificCredentials",
        rows,
        lambda pair: f"{pair[1].user}/{pair[1].id}",
        lambda pair: _describe(call, *pair),
    )
    if not request.get("AllUsers"):
        del answer["IsTruncated"]
    return answer


@operation(resource=USER, conditions=USER_KEYS)
def update_service_specific_credential(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        _, row = _find(tx, call, request)
        row.status = request["Status"]
        tables.SERVICE_CREDENTIALS.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def reset_service_specific_credential(call: Call, request: Request) -> Answer:
    secret = _new_secret()
    with change(call) as tx:
        user, row = _find(tx, call, request)
        row.secret = directory(call).sealed.seal(secret.encode(), b"service-credential")
        tables.SERVICE_CREDENTIALS.put(tx, tables.scope(call.account), row)
    return {"ServiceSpecificCredential": _describe(call, user, row) | _told(row, secret)}


@operation(resource=USER, conditions=USER_KEYS)
def delete_service_specific_credential(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        _, row = _find(tx, call, request)
        tables.SERVICE_CREDENTIALS.delete(tx, tables.scope(call.account), row.user, row.id)
    return {}


def _check_service(service: str) -> None:
    if service not in _SERVICES:
        raise errors.NotSupportedService(f"No such service {service} is supported for Service Specific Credentials")


def _find(tx: Reader, call: Call, request: Request) -> tuple[tables.User, tables.ServiceCredential]:
    user = entities.user(tx, call, own_name(call, request))
    one = request["ServiceSpecificCredentialId"]
    row = tables.SERVICE_CREDENTIALS.get(tx, tables.scope(call.account), user.key, one)
    if row is None:
        raise errors.NoSuchEntity(f"No such credential {one} exists")
    return user, row


def _new_secret() -> str:
    """44 characters: 32 random bytes in base 64."""
    return base64.b64encode(bytes.fromhex(tokens.random_hex(64))).decode()


def _told(row: tables.ServiceCredential, secret: str) -> Answer:
    """The secret, told only when it is made."""
    return {"ServiceCredentialSecret": secret} if row.service in _API_KEYS else {"ServicePassword": secret}


def _describe(call: Call, user: tables.User, row: tables.ServiceCredential) -> Answer:
    has_ended = row.expires is not None and row.expires <= call.now()
    name = (
        {"ServiceCredentialAlias": row.service_user}
        if row.service in _API_KEYS
        else {"ServiceUserName": row.service_user}
    )
    return {
        "CreateDate": row.created,
        "ExpirationDate": row.expires,
        "ServiceName": row.service,
        **name,
        "ServiceSpecificCredentialId": row.id,
        "UserName": user.name,
        "Status": "Expired" if has_ended else row.status,
    }
