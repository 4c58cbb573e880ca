"""The grammar of policy documents, with the words in which IAM refuses one.

Identity policies say what may be done to which resources; trust policies say who may assume a role.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from haneul.services.iam.errors import errors

POLICY_SIZE: Final = 6144
TRUST_SIZE: Final = 2048
INLINE_SIZES: Final = {"user": 2048, "group": 5120, "role": 10240}
# Whitespace doesn't count, but it is stored: this much of it is refused, so that a row stays within the store's limit.
_STORED: Final = 80_000

_VERSIONS = ("2008-10-17", "2012-10-17")
_STATEMENT = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"}
)
_SID = re.compile(r"[0-9A-Za-z]*")
_VENDOR = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-]*")
_PARTITION = re.compile(r"aws(-cn|-us-gov|-iso|-iso-b|-iso-e|-iso-f|-eusc)?|\*")
_OPERATORS = frozenset(
    [
        "stringequals",
        "stringnotequals",
        "stringequalsignorecase",
        "stringnotequalsignorecase",
        "stringlike",
        "stringnotlike",
        "numericequals",
        "numericnotequals",
        "numericlessthan",
        "numericlessthanequals",
        "numericgreaterthan",
        "numericgreaterthanequals",
        "dateequals",
        "datenotequals",
        "datelessthan",
        "datelessthanequals",
        "dategreaterthan",
        "dategreaterthanequals",
        "bool",
        "binaryequals",
        "ipaddress",
        "notipaddress",
        "arnequals",
        "arnlike",
        "arnnotequals",
        "arnnotlike",
        "null",
    ]
)
_ASSUME = re.compile(r"sts:(\*|assumerole[a-z]*\*?|tagsession|setsourceidentity|setcontext|assume\*)")
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_SYNTAX = "Syntax errors in policy."
_PREFACE = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def check_managed(document: str) -> None:
    """Raise unless `document` can be a managed policy."""
    check_identity(document)
    if size(document) > POLICY_SIZE or len(document) > _STORED:
        raise errors.LimitExceeded(f"Cannot exceed quota for PolicySize: {POLICY_SIZE}")


def check_inline(document: str, others: Iterable[str], kind: str, name: str) -> None:
    """Raise unless `document` can be an inline policy beside `others` of the same entity."""
    check_identity(document)
    all_of_them = [document, *others]
    limit = INLINE_SIZES[kind]
    if sum(map(size, all_of_them)) > limit or sum(map(len, all_of_them)) > _STORED:
        raise errors.LimitExceeded(f"Maximum policy size of {limit} bytes exceeded for {kind} {name}")


def check_trust(document: str) -> list[tuple[str, str]]:
    """Raise unless `document` can be a role's trust policy; its principals as (kind, name)."""
    try:
        policy = json.loads(document)
    except ValueError:
        raise _malformed("This policy contains invalid Json") from None
    if not isinstance(policy, dict):
        raise _malformed("This policy contains invalid Json")
    if policy.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    for name in policy:
        if name not in ("Version", "Id", "Statement"):
            raise _malformed(f"Has prohibited field {name}")
    statements = _as_list(policy.get("Statement", []))
    if not statements:
        raise _malformed("Could not parse the policy: Statement is empty!")
    principals: list[tuple[str, str]] = []
    for statement in statements:
        principals += _check_trust_statement(statement)
    if size(document) > TRUST_SIZE or len(document) > _STORED:
        raise errors.LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")
    return principals


def check_identity(document: str) -> None:
    """Raise MalformedPolicyDocument unless `document` follows the grammar of identity policies."""
    try:
        policy = json.loads(document)
    except ValueError:
        raise _malformed(_SYNTAX) from None
    if not isinstance(policy, dict) or not set(policy) <= {"Version", "Id", "Statement"}:
        raise _malformed(_SYNTAX)
    version = policy.get("Version")
    if version is not None and version not in _VERSIONS:
        raise _malformed(_SYNTAX)
    statements = policy.get("Statement")
    if not isinstance(statements, dict | list) or not statements:
        raise _malformed(_SYNTAX)
    statements = _as_list(statements)
    for statement in statements:
        _check_shape(statement)
    for statement in statements:
        if "Principal" in statement or "NotPrincipal" in statement:
            raise _malformed("Policy document should not specify a principal.")
        _check_actions(statement)
        _check_resources(statement)
        _check_condition(statement)
    _check_ids(statements)
    if version != _VERSIONS[1]:
        raise _malformed("Policy document must be version 2012-10-17 or greater.")


def size(document: str) -> int:
    """Characters that count towards the quotas: all but whitespace."""
    return len(document) - sum(map(document.count, " \t\r\n"))


def _malformed(message: str) -> Exception:
    return errors.MalformedPolicyDocument(message)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _check_shape(statement: Any) -> None:
    """The parts of a statement and their types."""
    if not isinstance(statement, dict) or not set(statement) <= _STATEMENT:
        raise _malformed(_SYNTAX)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(_SYNTAX)
    if ("Action" in statement and "NotAction" in statement) or ("Resource" in statement and "NotResource" in statement):
        raise _malformed(_SYNTAX)
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in statement and not _is_texts(statement[name]):
            raise _malformed(_SYNTAX)
    if not isinstance(statement.get("Sid", ""), str):
        raise _malformed(_SYNTAX)
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(block, dict) for block in condition.values()):
        raise _malformed(_SYNTAX)
    for block in condition.values():
        if not all(_is_condition_value(value) for value in block.values()):
            raise _malformed(_SYNTAX)


def _is_condition_value(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(one, str | int | float | bool) for one in value)
    return isinstance(value, str | int | float | bool)


def _check_ids(statements: list[Mapping[str, Any]]) -> None:
    ids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    for one in ids:
        if not _SID.fullmatch(one):
            raise _malformed(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
                "[0-9A-Za-z]*"
            )
    if len(set(ids)) != len(ids):
        raise _malformed("Statement IDs (SID) in a single policy must be unique.")


def _check_actions(statement: Mapping[str, Any]) -> None:
    actions = _as_list(statement.get("Action", statement.get("NotAction", [])))
    if not actions:
        raise _malformed("Policy statement must contain actions.")
    for action in actions:
        if action == "*":
            continue
        vendor, colon, name = action.partition(":")
        if not colon or not vendor or not name:
            raise _malformed(_PREFACE)
        if ":" in name:
            raise _malformed("Actions/Condition can contain only one colon.")
        if not _VENDOR.fullmatch(vendor):
            raise _malformed(f"Vendor {vendor} is not valid")


def _check_resources(statement: Mapping[str, Any]) -> None:
    resources = _as_list(statement.get("Resource", statement.get("NotResource", [])))
    if not resources:
        raise _malformed("Policy statement must contain resources.")
    for resource in resources:
        if resource == "*":
            continue
        parts = resource.split(":", 5)
        if parts[0] not in ("arn", "*"):
            raise _malformed(f'Resource {resource} must be in ARN format or "*".')
        if len(parts) >= 2 and not _PARTITION.fullmatch(parts[1]):
            raise _malformed(
                f'Partition "{parts[1]}" is not valid for resource "{":".join(parts + ["*"] * (6 - len(parts)))}".'
            )
        if len(parts) < 6:
            if "*" not in resource:
                raise _malformed("The policy failed legacy parsing")
            continue
        if parts[2] == "s3" and parts[3] not in ("", "*") and not parts[4]:  # access points, jobs have an account
            raise _malformed(f"Resource {resource} can not contain region information.")
        if parts[2] == "iam" and parts[3] not in ("", "*"):
            raise _malformed(f"IAM resource {resource} cannot contain region information.")


def _check_condition(statement: Mapping[str, Any]) -> None:
    for operator, block in statement.get("Condition", {}).items():
        name = operator.lower()
        for prefix in ("forallvalues:", "foranyvalue:"):
            name = name.removeprefix(prefix)
        if name.removesuffix("ifexists") not in _OPERATORS:
            raise _malformed(f"Invalid Condition type : {operator}.")
        for key in block:
            if ":" not in key:
                raise _malformed(_PREFACE)


def _check_trust_statement(statement: Any) -> list[tuple[str, str]]:
    if not isinstance(statement, dict):
        raise _malformed("This policy contains invalid Json")
    for name in statement:
        if name not in _STATEMENT or name in ("Resource", "NotResource"):
            raise _malformed(f"Has prohibited field {name}")
    if "Effect" not in statement:
        raise _malformed("Missing required field Effect")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement['Effect']}")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise _malformed("Missing required field Principal")
    if "Action" not in statement and "NotAction" not in statement:
        raise _malformed("Missing required field Action")
    for action in _as_list(statement.get("Action", statement.get("NotAction"))):
        if action != "*" and not (isinstance(action, str) and _ASSUME.fullmatch(action.lower())):
            raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(block, dict) for block in condition.values()):
        raise _malformed("This policy contains invalid Json")
    _check_condition(statement)
    return _principals(statement.get("Principal", statement.get("NotPrincipal")))


def _principals(value: Any) -> list[tuple[str, str]]:
    if value == "*":
        return [("AWS", "*")]
    if not isinstance(value, dict) or not value:
        raise _malformed(f"Invalid principal in policy: {json.dumps(value)}")
    found = []
    for kind, names in value.items():
        if kind not in _PRINCIPALS:
            raise _malformed(f'Invalid principal in policy: "{kind.upper()}":"{_as_list(names)[0]}"')
        for name in _as_list(names):
            if not isinstance(name, str) or not name:
                raise _malformed(f'Invalid principal in policy: "{kind.upper()}":"{name}"')
            found.append((kind, name))
    return found
