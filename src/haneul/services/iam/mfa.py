"""Virtual MFA devices: a secret seed shown once, enabled for a user by two consecutive codes."""

from __future__ import annotations

import base64
from urllib.parse import quote

from haneul.auth import tables, totp
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import entities, qr, tagging, users
from haneul.services.iam.entities import Answer, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import MFA, MFA_KEYS, NEW_KEYS, USER, USER_KEYS, new
from haneul.state.store import Reader

_SEED_BYTES = 40
PER_USER = 8
ROOT = "/"


@operation(resource=new("mfa", "VirtualMFADeviceName"), conditions=NEW_KEYS)
def create_virtual_mfa_device(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    path, name = request.get("Path", "/"), request["VirtualMFADeviceName"]
    serial = f"arn:aws:iam::{call.account}:mfa{path}{name}"
    tags = tagging.parse(request.get("Tags"))
    seed = bytes.fromhex(tokens.random_hex(2 * _SEED_BYTES))
    with change(call) as tx:
        if tables.MFA_DEVICES.get(tx, scope, serial) is not None:
            raise errors.EntityAlreadyExists("MFADevice entity at the same path and name already exists.")
        sealed = directory(call).sealed.seal(seed, serial.encode())
        row = tables.MfaDevice(serial=serial, seed=sealed, created=entities.now(call), tags=tags)
        tables.MFA_DEVICES.put(tx, scope, row)
    shown = base64.b32encode(seed).decode()
    label = quote(f"Amazon Web Services:{name}@{call.account}", safe="")
    picture = qr.png(f"otpauth://totp/{label}?secret={shown}&issuer=Amazon%20Web%20Services")
    return {
        "VirtualMFADevice": {
            "SerialNumber": serial,
            "Base32StringSeed": shown.encode(),
            "QRCodePNG": picture,
            "Tags": tagging.shown(tags),
        }
    }


@operation(resource=USER, conditions=USER_KEYS)
def enable_mfa_device(call: Call, request: Request) -> Answer:
    serial = request["SerialNumber"]
    with change(call) as tx:
        key = _owner(tx, call, request["UserName"])
        row = find(tx, call, serial)
        if row.user:
            raise errors.EntityAlreadyExists(f"MFA Device already in use : {serial}")
        if len([one for one in tables.MFA_DEVICES.scan(tx, tables.scope(call.account)) if one.user == key]) >= PER_USER:
            raise errors.LimitExceeded(f"Cannot exceed quota for MFADevicesPerUser: {PER_USER}")
        row.last_step = _check_pair(call, row, request)
        row.user = key
        row.enabled = entities.now(call)
        tables.MFA_DEVICES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def get_mfa_device(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = find(tx, call, request["SerialNumber"])
        if "UserName" in request and row.user != _owner(tx, call, request["UserName"]):
            raise _missing(row.serial)
        user = tables.USERS.get(tx, tables.scope(call.account), row.user) if row.user else None
    return {
        "UserName": None if user is None else user.name,
        "SerialNumber": row.serial,
        "EnableDate": row.enabled,
    }


@operation(resource=USER, conditions=USER_KEYS)
def list_mfa_devices(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        if "UserName" not in request and call.principal.kind == "root":
            key, name = ROOT, "root"
        else:
            user = entities.user(tx, call, entities.own_name(call, request))
            key, name = user.key, user.name
        rows = [row for row in tables.MFA_DEVICES.scan(tx, tables.scope(call.account)) if row.user == key]
    return page(
        request,
        "MFADevices",
        rows,
        lambda row: row.serial,
        lambda row: {"UserName": name, "SerialNumber": row.serial, "EnableDate": row.enabled},
    )


@operation()
def list_virtual_mfa_devices(call: Call, request: Request) -> Answer:
    wanted = request.get("AssignmentStatus", "Any")
    with call.read() as tx:
        rows = [
            row
            for row in tables.MFA_DEVICES.scan(tx, tables.scope(call.account))
            if wanted == "Any" or (wanted == "Assigned") == bool(row.user)
        ]
        return page(request, "VirtualMFADevices", rows, lambda row: row.serial, lambda row: _describe(tx, call, row))


@operation(resource=USER, conditions=USER_KEYS)
def resync_mfa_device(call: Call, request: Request) -> Answer:
    """Accepts two consecutive codes of a device whose clock is off by up to an hour."""
    with change(call) as tx:
        key = _owner(tx, call, request["UserName"])
        row = find(tx, call, request["SerialNumber"])
        if row.user != key:
            raise _missing(row.serial)
        row.last_step = _check_pair(call, row, request, drift=120)
        tables.MFA_DEVICES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def deactivate_mfa_device(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        if "UserName" not in request and call.principal.kind == "root":
            key = ROOT
        else:
            key = _owner(tx, call, entities.own_name(call, request))
        row = find(tx, call, request["SerialNumber"])
        if row.user != key:
            raise _missing(row.serial)
        row.user, row.enabled = "", None
        tables.MFA_DEVICES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=MFA, conditions=MFA_KEYS)
def delete_virtual_mfa_device(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["SerialNumber"])
        if row.user:
            raise errors.DeleteConflict("MFA VirtualDevice in use. Must deactivate first.")
        tables.MFA_DEVICES.delete(tx, tables.scope(call.account), row.serial)
    return {}


def find(tx: Reader, call: Call, serial: str) -> tables.MfaDevice:
    row = tables.MFA_DEVICES.get(tx, tables.scope(call.account), serial)
    if row is None:
        raise _missing(serial)
    return row


def _missing(serial: str) -> Exception:
    return errors.NoSuchEntity(f"VirtualMFADevice with serial number {serial} doesn't exist.")


def _owner(tx: Reader, call: Call, name: str) -> str:
    """The key of the user that a device is for; root enables its own by the name of its account."""
    if call.principal.kind == "root" and name in ("root", call.account, ROOT):
        return ROOT
    return entities.user(tx, call, name).key


def _check_pair(call: Call, row: tables.MfaDevice, request: Request, drift: int = 2) -> int:
    opened = directory(call)
    seed = opened.sealed.open(row.seed, row.serial.encode())
    first, second = request["AuthenticationCode1"], request["AuthenticationCode2"]
    step = totp.find_pair(seed, first, second, opened.wall.now(), drift)
    if step is None:
        raise errors.InvalidAuthenticationCode("Authentication code for device is not valid.")
    return step


def _describe(tx: Reader, call: Call, row: tables.MfaDevice) -> Answer:
    user: Answer | None = None
    if row.user == ROOT:
        user = {
            "Path": "/",
            "UserName": "root",
            "UserId": call.account,
            "Arn": f"arn:aws:iam::{call.account}:root",
            "CreateDate": 1_136_073_600.0,
        }
    elif row.user:
        found = tables.USERS.get(tx, tables.scope(call.account), row.user)
        user = None if found is None else users.describe(call, found, full=False)
    return {"SerialNumber": row.serial, "User": user, "EnableDate": row.enabled, "Tags": tagging.shown(row.tags)}
