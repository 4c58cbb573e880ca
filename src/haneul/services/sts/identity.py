"""Who is calling, whose key is this, and what an encoded refusal says."""

from __future__ import annotations

from haneul.auth import key_ids, messages, tables
from haneul.service import Call, operation
from haneul.services.sts.errors import errors
from haneul.services.sts.sessions import Answer, Request, directory


@operation(action="")
def get_caller_identity(call: Call, request: Request) -> Answer:
    """Needs no permission: no policy can deny it."""
    principal = call.principal
    return {"UserId": principal.user_id or principal.account, "Account": principal.account, "Arn": principal.arn}


@operation()
def get_access_key_info(call: Call, request: Request) -> Answer:
    """The account that a key belongs to: ids carry it, older ones are looked up."""
    key = request["AccessKeyId"]
    account = key_ids.account_of(key)
    if account is None:
        with call.read() as tx:
            row = tables.ACCESS_KEYS.get(tx, tables.HOUSE, key)
        if row is not None:
            account = row.account
    if account is None:
        if call.cloud.config.iam_enforced:
            raise errors.AccessDenied(f"The access key {key} belongs to no account.")
        account = call.cloud.config.account
    return {"Account": account}


@operation()
def decode_authorization_message(call: Call, request: Request) -> Answer:
    decoded = messages.decode(directory(call).sealed, request["EncodedMessage"])
    if decoded is None:
        raise errors.InvalidAuthorizationMessageException("Message is not valid")
    return {"DecodedMessage": decoded}
