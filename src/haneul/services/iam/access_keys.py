"""Access keys: two at most for a user, their secrets told once."""

from __future__ import annotations

from haneul.auth import tables
from haneul.service import Call, operation
from haneul.services.iam import entities
from haneul.services.iam.entities import Answer, Request, change, directory, own_name
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import USER, USER_KEYS
from haneul.state.store import Reader, Writer

QUOTA = 2


@operation(resource=USER, conditions=USER_KEYS)
def create_access_key(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        user, keys = _owner(tx, call, request)
        if len(keys) >= QUOTA:
            raise errors.LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {QUOTA}")
        if user is None:
            key, secret = directory(call).create_root_key(tx, call.account)
        else:
            key, secret = directory(call).create_key(tx, call.account, user.key)
            user.access_keys.append(key)
            entities.save(tx, call, user)
        row = _find(tx, call, user, key)
    return {"AccessKey": _describe(user, row) | {"SecretAccessKey": secret}}


@operation(resource=USER, conditions=USER_KEYS)
def list_access_keys(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        user, keys = _owner(tx, call, request)
        rows = [_find(tx, call, user, key) for key in keys]
    rows.sort(key=lambda row: (row.created, row.id))
    return page(
        request,
        "AccessKeyMetadata",
        rows,
        lambda row: f"{int(row.created):012d}{row.id}",
        lambda row: _describe(user, row),
    )


@operation()
def get_access_key_last_used(call: Call, request: Request) -> Answer:
    key = request["AccessKeyId"]
    with call.read() as tx:
        row = tables.ACCESS_KEYS.get(tx, tables.HOUSE, key)
        if row is None or row.account != call.account:
            raise errors.AccessDenied(
                f"User: {call.principal.arn} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: * "
                "because no identity-based policy allows the iam:GetAccessKeyLastUsed action"
            )
        user = tables.USERS.get(tx, tables.scope(call.account), row.user) if row.user else None
        use = directory(call).usage.key(tx, key)
    if use is None:
        used: Answer = {"ServiceName": "N/A", "Region": "N/A"}
    else:
        used = {"LastUsedDate": float(int(use.at)), "ServiceName": use.service, "Region": use.region}
    return {"UserName": None if user is None else user.name, "AccessKeyLastUsed": used}


@operation(resource=USER, conditions=USER_KEYS)
def update_access_key(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        user, _ = _owner(tx, call, request)
        row = _find(tx, call, user, request["AccessKeyId"])
        row.status = request["Status"]
        tables.ACCESS_KEYS.put(tx, tables.HOUSE, row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def delete_access_key(call: Call, request: Request) -> Answer:
    key = request["AccessKeyId"]
    with change(call) as tx:
        user, _ = _owner(tx, call, request)
        _find(tx, call, user, key)
        tables.ACCESS_KEYS.delete(tx, tables.HOUSE, key)
        tables.KEY_USES.delete(tx, tables.HOUSE, key)
        _drop(tx, call, user, key)
    return {}


def _owner(tx: Reader, call: Call, request: Request) -> tuple[tables.User | None, list[str]]:
    """The user a request is about and its keys; None is root, which calls without a name."""
    if "UserName" not in request and call.principal.kind == "root":
        settings = tables.ACCOUNTS.get(tx, tables.scope(call.account), call.account)
        return None, [] if settings is None else settings.root_keys
    user = entities.user(tx, call, own_name(call, request))
    return user, user.access_keys


def _find(tx: Reader, call: Call, user: tables.User | None, key: str) -> tables.AccessKey:
    row = tables.ACCESS_KEYS.get(tx, tables.HOUSE, key)
    if row is None or row.account != call.account or row.user != ("" if user is None else user.key):
        raise errors.NoSuchEntity(f"The Access Key with id {key} cannot be found.")
    return row


def _drop(tx: Writer, call: Call, user: tables.User | None, key: str) -> None:
    if user is not None:
        user.access_keys.remove(key)
        entities.save(tx, call, user)
        return
    scope = tables.scope(call.account)
    settings = tables.ACCOUNTS.get(tx, scope, call.account)
    if settings is not None and key in settings.root_keys:
        settings.root_keys.remove(key)
        tables.ACCOUNTS.put(tx, scope, settings)


def _describe(user: tables.User | None, row: tables.AccessKey) -> Answer:
    return {
        "UserName": None if user is None else user.name,
        "AccessKeyId": row.id,
        "Status": row.status,
        "CreateDate": row.created,
    }
