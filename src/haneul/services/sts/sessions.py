"""What all temporary credentials share: session policies and tags, how long they hold, MFA, and how they are told."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from haneul.auth import sessions, tables, totp
from haneul.auth.directory import StoreDirectory, managed_document
from haneul.auth.principals import Principal
from haneul.service import Call
from haneul.services.sts.errors import errors
from haneul.state.store import Reader

Request = Mapping[str, Any]
Answer = dict[str, Any]

_PLAIN = 2048
_TAGS = 50
_PACKED = 4096
_NO_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid "
    "and associated with this user."
)
_POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/.+")


class Limits(NamedTuple):
    """What a request puts upon its session: policies (documents), tags, and how full that makes the token."""

    policies: tuple[str, ...]
    tags: dict[str, str]
    transitive: tuple[str, ...]
    packed: int | None


def directory(call: Call) -> StoreDirectory:
    found = call.cloud.directory
    if not isinstance(found, StoreDirectory):
        raise TypeError("the iam and sts rooms need the directory that lies on the store")
    return found


def limits(tx: Reader, account: str, request: Request, inherited: Mapping[str, str] | None = None) -> Limits:
    """The session policies and tags of a request, checked. inherited: transitive tags of the calling session."""
    inherited = inherited or {}
    documents: list[str] = []
    inline = request.get("Policy")
    if inline is not None:
        if len(inline) > _PLAIN:
            raise errors.ValidationError(
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have "
                "length less than or equal to 2048"
            )
        _check_policy(inline)
        documents.append(inline)
    arns = [one["arn"] for one in request.get("PolicyArns") or ()]
    if len(arns) > 10:
        raise errors.PackedPolicyTooLarge("Only 10 managed policies may be passed as session policies.")
    for arn in arns:
        document = managed_document(tx, account, arn) if _POLICY_ARN.fullmatch(arn) else None
        if document is None:
            raise errors.ValidationError(f"Policy ARN {arn} is not valid or does not exist.")
        documents.append(document)
    tags, transitive = _tags(request, inherited)
    if not documents and not tags:
        return Limits((), dict(inherited), tuple(inherited), None)
    packed = len(zlib.compress((inline or "").encode() + b"".join(map(str.encode, arns)) + orjson.dumps(tags), 9))
    percent = max(1, packed * 100 // _PACKED)
    if percent > 100:
        raise errors.PackedPolicyTooLarge(f"Packed size of session tags consumes {percent}% of allotted space.")
    return Limits(tuple(documents), {**inherited, **tags}, (*inherited, *transitive), percent)


def inherited_tags(call: Call) -> dict[str, str]:
    """The calling session's transitive tags."""
    token = "" if call.http is None else call.http.headers.get("x-amz-security-token", "")
    session = directory(call).session_of(token) if token else None
    if session is None:
        return {}
    tags = session.principal.session
    return {key: tags[f"aws:PrincipalTag/{key}"] for key in session.transitive if f"aws:PrincipalTag/{key}" in tags}


def conditions_of(call: Call, tags: Mapping[str, str], *, mfa: bool | None = None) -> dict[str, Any]:
    """The condition keys that hold for a whole session."""
    now = directory(call).wall.now()
    found: dict[str, Any] = {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}
    found["aws:TokenIssueTime"] = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found["aws:MultiFactorAuthPresent"] = "true" if mfa else "false"
    if mfa:
        found["aws:MultiFactorAuthIssued"] = str(int(now))
    return found


def credentials(call: Call, principal: Principal, seconds: int, transitive: tuple[str, ...] = ()) -> Answer:
    """New temporary credentials for `principal` as AWS tells them."""
    opened = directory(call)
    now = float(int(opened.wall.now()))
    session = sessions.Session(
        principal=principal,
        issued=now,
        expires=now + seconds,
        transitive=transitive,
        source_arn=call.principal.arn,
    )
    made = sessions.issue(opened.sealed, session)
    return {
        "AccessKeyId": made.access_key,
        "SecretAccessKey": made.secret,
        "SessionToken": made.token,
        "Expiration": made.expires,
    }


def check_mfa(call: Call, request: Request, *, consume: bool = True) -> bool:
    """Was a one-time code given? It counts once (`consume`).

    Raises AccessDenied when it is wrong, not this caller's, or used before.

    Where IAM isn't enforced a device that doesn't exist here is believed, as keys are that nobody knows.
    """
    serial, code = request.get("SerialNumber"), request.get("TokenCode")
    if serial is None or code is None:
        if serial is None and code is None:
            return False
        raise errors.AccessDenied(_NO_DEVICE)
    opened = directory(call)

    def check(tx: Reader) -> tables.MfaDevice | None:
        scope = tables.scope(call.account)
        row = tables.MFA_DEVICES.get(tx, scope, serial)
        if row is None and not call.cloud.config.iam_enforced:
            return None
        if row is None or not _is_callers(call, row):
            raise errors.AccessDenied(_NO_DEVICE)
        seed = opened.sealed.open(row.seed, serial.encode())
        step = totp.find(seed, code, opened.wall.now(), after=row.last_step)
        if step is None:
            raise errors.AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
        row.last_step = step
        return row

    if not consume:
        with call.read() as reader:
            check(reader)
        return True
    with call.write() as tx:
        row = check(tx)
        if row is not None:
            tables.MFA_DEVICES.put(tx, tables.scope(call.account), row)
    return True


def duration(request: Request, default: int, most: int, message: str) -> int:
    seconds = int(request.get("DurationSeconds", default))
    if seconds > most:
        raise errors.ValidationError(message)
    return seconds


def _is_callers(call: Call, row: tables.MfaDevice) -> bool:
    principal = call.principal
    if principal.kind == "root":
        # In mode dev everybody is root, so any device in use will do.
        return row.user == "/" or (bool(row.user) and not call.cloud.config.iam_enforced)
    return bool(row.user) and row.user == principal.user_name.lower()


def _tags(request: Request, inherited: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    tags: dict[str, str] = {}
    seen: set[str] = set()
    for tag in request.get("Tags") or ():
        key = tag["Key"]
        if key.lower() in seen:
            raise errors.InvalidParameterValue(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        if key.lower().startswith("aws:"):
            raise errors.InvalidParameterValue("aws: prefixed tag key names are not allowed for external use.")
        seen.add(key.lower())
        tags[key] = tag["Value"]
    if len(tags) > _TAGS:
        raise errors.ValidationError(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less "
            "than or equal to 50"
        )
    transitive = tuple(request.get("TransitiveTagKeys") or ())
    held = {key.lower() for key in inherited}
    for key in transitive:
        if key.lower() not in seen:
            raise errors.InvalidParameterValue(
                "The specified transitive tag key must be included in the requested tags."
            )
    if any(key.lower() in held for key in tags):
        raise errors.InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session."
        )
    return tags, transitive


def _check_policy(document: str) -> None:
    """Session policies follow the grammar of identity policies; here only what would make them mean nothing."""
    try:
        policy = orjson.loads(document)
    except orjson.JSONDecodeError:
        raise errors.MalformedPolicyDocument("This policy contains invalid Json") from None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if not statements or not isinstance(statements, list | dict):
        raise errors.MalformedPolicyDocument("Syntax errors in policy.")
    for one in statements if isinstance(statements, list) else [statements]:
        if not isinstance(one, dict) or one.get("Effect") not in ("Allow", "Deny"):
            raise errors.MalformedPolicyDocument("Syntax errors in policy.")
        if "Principal" in one or "NotPrincipal" in one:
            raise errors.MalformedPolicyDocument("Policy document should not specify a principal.")
        if "Action" not in one and "NotAction" not in one:
            raise errors.MalformedPolicyDocument("Policy statement must contain actions.")
        if "Resource" not in one and "NotResource" not in one:
            raise errors.MalformedPolicyDocument("Policy statement must contain resources.")
