"""S3 Control: the public access block of an account, which holds for all its buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import blocks
from haneul.services.s3.errors import errors, malformed_xml


@operation()
def put_public_access_block(call: Call, request: Mapping[str, Any]) -> None:
    """PutPublicAccessBlock of the account. A switch that isn't named is off."""
    account = own_account(call, request)
    configuration = request.get("PublicAccessBlockConfiguration")
    if configuration is None:
        raise malformed_xml()
    with call.write() as tx:
        blocks.set_account(tx, account, configuration)


@operation()
def get_public_access_block(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetPublicAccessBlock of the account. Raises NoSuchPublicAccessBlockConfiguration."""
    account = own_account(call, request)
    with call.read() as tx:
        found = blocks.of_account(tx, account)
    if found is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(
            "The public access block configuration was not found", AccountId=account
        )
    return {"PublicAccessBlockConfiguration": found}


@operation()
def delete_public_access_block(call: Call, request: Mapping[str, Any]) -> None:
    """DeletePublicAccessBlock of the account. Deleting none is no error."""
    account = own_account(call, request)
    with call.write() as tx:
        blocks.set_account(tx, account, None)


def own_account(call: Call, request: Mapping[str, Any]) -> str:
    """The request's account, which must be the caller's. Raises AccessDenied."""
    if request["AccountId"] != call.account:
        raise errors.AccessDenied("Access Denied")
    return call.account
