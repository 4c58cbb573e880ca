"""SMS settings, opted-out numbers and the sandbox, kept as data: no text message leaves this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.sns.errors import errors, invalid
from haneul.services.sns.state import PHONES, SETTINGS, Phone, Settings

_PHONE = re.compile(r"\+?[0-9]{3,15}")
_KNOWN = frozenset(
    {
        "DefaultSMSType",
        "DefaultSenderID",
        "DeliveryStatusIAMRole",
        "DeliveryStatusSuccessSamplingRate",
        "MonthlySpendLimit",
        "UsageReportS3Bucket",
    }
)


@operation()
def set_sms_attributes(call: Call, request: Mapping[str, Any]) -> None:
    """SetSMSAttributes."""
    for name, value in request["attributes"].items():
        if name not in _KNOWN:
            raise invalid(f"{name} is not a valid attribute")
        if name == "DefaultSMSType" and value not in ("Promotional", "Transactional"):
            raise invalid("DefaultSMSType is invalid")
    with call.write() as tx:
        row = SETTINGS.get(tx, call.scope, "sms") or Settings()
        row.attributes = {**row.attributes, **request["attributes"]}
        SETTINGS.put(tx, call.scope, row)


@operation()
def get_sms_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSMSAttributes."""
    with call.read() as tx:
        row = SETTINGS.get(tx, call.scope, "sms") or Settings()
    wanted = request.get("attributes")
    return {"attributes": {name: value for name, value in row.attributes.items() if not wanted or name in wanted}}


def _check(number: str) -> None:
    if not _PHONE.fullmatch(number):
        raise invalid("PhoneNumber Reason: input incorrectly formatted")


@operation()
def check_if_phone_number_is_opted_out(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CheckIfPhoneNumberIsOptedOut."""
    _check(request["phoneNumber"])
    with call.read() as tx:
        row = PHONES.get(tx, call.scope, request["phoneNumber"])
    return {"isOptedOut": row is not None and row.opted_out}


@operation()
def list_phone_numbers_opted_out(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListPhoneNumbersOptedOut."""
    with call.read() as tx:
        return {"phoneNumbers": [row.number for row in PHONES.scan(tx, call.scope) if row.opted_out]}


@operation()
def opt_in_phone_number(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """OptInPhoneNumber."""
    _check(request["phoneNumber"])
    with call.write() as tx:
        row = PHONES.get(tx, call.scope, request["phoneNumber"])
        if row is not None and row.opted_out:
            row.opted_out = False
            PHONES.put(tx, call.scope, row)
    return {}


@operation()
def get_sms_sandbox_account_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSMSSandboxAccountStatus: always in the sandbox."""
    return {"IsInSandbox": True}


@operation()
def create_sms_sandbox_phone_number(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSMSSandboxPhoneNumber: it stays pending, for no code is sent."""
    with call.write() as tx:
        if PHONES.get(tx, call.scope, request["PhoneNumber"]) is None:
            PHONES.put(tx, call.scope, Phone(number=request["PhoneNumber"]))
    return {}


@operation()
def list_sms_sandbox_phone_numbers(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSMSSandboxPhoneNumbers."""
    with call.read() as tx:
        rows = [row for row in PHONES.scan(tx, call.scope) if row.status]
    return {"PhoneNumbers": [{"PhoneNumber": row.number, "Status": row.status} for row in rows]}


@operation()
def delete_sms_sandbox_phone_number(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSMSSandboxPhoneNumber."""
    with call.write() as tx:
        if PHONES.get(tx, call.scope, request["PhoneNumber"]) is None:
            raise errors.ResourceNotFoundException("Phone number does not exist")
        PHONES.delete(tx, call.scope, request["PhoneNumber"])
    return {}


@operation()
def list_origination_numbers(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListOriginationNumbers: there are none."""
    return {"PhoneNumbers": []}
