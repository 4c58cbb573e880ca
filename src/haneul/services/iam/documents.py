"""The grammar of policy documents, with the words in which IAM refuses one.

Identity policies say what may be done to which resources; trust policies say who may assume a role.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
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
_VENDOR = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.\-]*")
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_IAM_PATHS = (
    *("user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/"),
    *("sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"),
)
_EPOCH = re.compile(r"[+-]?[0-9]{1,40}")
_ISO_8601 = re.compile(
    r"[+-]?[0-9]{1,9}(-(0?[1-9]|1[0-2])(-(0?[1-9]|[12][0-9]|3[01]))?)?"
    r"([Tt](([01]?[0-9]|2[0-4])(:[0-5]?[0-9](:[0-5]?[0-9](\.[0-9]{1,9})?)?)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
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
_LEGACY = "The policy failed legacy parsing"
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
    """Raise MalformedPolicyDocument unless `document` follows the grammar of identity policies.

    A document with several faults is refused for the one that AWS looks at first, whichever statement has it.
    """
    try:
        policy = json.loads(document)
    except ValueError:
        raise _malformed(_SYNTAX) from None
    statements = _check_shape(policy)
    if policy.get("Version") != _VERSIONS[1]:
        raise _malformed("Policy document must be version 2012-10-17 or greater.")
    for statement in statements:
        _check_legacy(statement)
    faults = [fault for fault in map(_resource_fault, _each(statements, "Resource")) if fault is not None]
    if _LEGACY in faults:
        raise _malformed(_LEGACY)
    if any("Principal" in statement or "NotPrincipal" in statement for statement in statements):
        raise _malformed("Policy document should not specify a principal.")
    _check_ids(statements)
    if not all(_values(statement, "Action") for statement in statements):
        raise _malformed("Policy statement must contain actions.")
    if faults:
        raise _malformed(faults[0])
    for action in _each(statements, "Action"):
        _check_action(action)
    if not all(_values(statement, "Resource") for statement in statements):
        raise _malformed("Policy statement must contain resources.")


def size(document: str) -> int:
    """Characters that count towards the quotas: all but whitespace."""
    return len(document) - sum(map(document.count, " \t\r\n"))


def _malformed(message: str) -> Exception:
    return errors.MalformedPolicyDocument(message)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _values(statement: Mapping[str, Any], name: str) -> list[str]:
    """What a statement says of its actions or resources, whether or not it negates them."""
    return _as_list(statement.get(name, statement.get(f"Not{name}", [])))


def _each(statements: Iterable[Mapping[str, Any]], name: str) -> Iterator[str]:
    for statement in statements:
        yield from _values(statement, name)


def _check_shape(policy: Any) -> list[Mapping[str, Any]]:
    """Raise unless every part has its type; the statements."""
    if not isinstance(policy, dict) or not set(policy) <= {"Version", "Id", "Statement"}:
        raise _malformed(_SYNTAX)
    if policy.get("Version", _VERSIONS[0]) not in _VERSIONS or not isinstance(policy.get("Id", ""), str):
        raise _malformed(_SYNTAX)
    statements = _as_list(policy.get("Statement", []))
    if not statements or not all(map(_is_statement, statements)):
        raise _malformed(_SYNTAX)
    return statements


def _is_statement(statement: Any) -> bool:
    if not isinstance(statement, dict) or not set(statement) <= _STATEMENT:
        return False
    effect = statement.get("Effect")
    if not isinstance(effect, str) or effect.lower() not in ("allow", "deny"):
        return False
    for name in ("Action", "Resource"):
        if name in statement and f"Not{name}" in statement:
            return False
        if not _is_texts(_values(statement, name)):
            return False
    condition = statement.get("Condition", {})
    return (
        isinstance(statement.get("Sid", ""), str)
        and isinstance(condition, dict)
        and all(_is_test(operator, block) for operator, block in condition.items())
    )


def _is_test(operator: str, block: Any) -> bool:
    """Whether one operator's part of a condition has its shape. An operator that tests nothing may have any name."""
    if not isinstance(block, dict) or not all(map(_is_condition_value, block.values())):
        return False
    return not block or _operator(operator) in _OPERATORS


def _operator(name: str) -> str:
    """An operator without its set prefix and its IfExists, in lower case."""
    name = name.lower()
    for prefix in ("forallvalues:", "foranyvalue:"):
        name = name.removeprefix(prefix)
    return name.removesuffix("ifexists")


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


def _check_legacy(statement: Mapping[str, Any]) -> None:
    """What an older parser of AWS still reads: the effect, case and all, and dates."""
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(_LEGACY)
    for operator, block in statement.get("Condition", {}).items():
        if not _operator(operator).startswith("date"):
            continue
        for value in itertools.chain.from_iterable(map(_as_list, block.values())):
            if not _is_date(str(value)):
                raise _malformed(_LEGACY)


def _is_date(text: str) -> bool:
    """Epoch seconds within 64 bits, or as much of an ISO 8601 date as one likes."""
    if _EPOCH.fullmatch(text):
        return -(2**63) <= int(text) < 2**63
    return _ISO_8601.fullmatch(text) is not None


def _check_action(action: str) -> None:
    if action == "*":
        return
    vendor, colon, name = action.partition(":")
    if not colon or not vendor or not name:
        raise _malformed(_PREFACE)
    if ":" in name:
        raise _malformed("Actions/Condition can contain only one colon.")
    if not _VENDOR.fullmatch(vendor):
        raise _malformed(f"Vendor {vendor} is not valid")


def _resource_fault(resource: str) -> str | None:
    """The words in which AWS refuses a resource, None for a sound one."""
    if resource == "*":
        return None
    # A policy variable has a colon of its own.
    parts = _VARIABLE.sub("*", resource).split(":", 5)
    if len(parts) == 1:
        return f'Resource {resource} must be in ARN format or "*".'
    full = parts[1:] + ["*"] * (6 - len(parts))
    partition, vendor, region, account, path = full
    if len(partition) > 20 or not any(fnmatchcase(known, partition) for known in _PARTITIONS):
        return f'Partition "{partition}" is not valid for resource "arn:{":".join(full)}".'
    if parts[0] != "arn":
        return f'Resource {resource} must be in ARN format or "*".'
    if "*" in vendor or "?" in vendor:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    # A vendor alone means all that it has; with anything after it the rest may be left out behind a wildcard.
    if not vendor or (len(parts) in (4, 5) and "*" not in resource):
        return _LEGACY
    has_region = region not in ("", "*")
    if vendor == "s3" and has_region and not account:  # access points, jobs have an account
        return f"Resource {resource} can not contain region information."
    if vendor == "iam":
        if has_region:
            return f"IAM resource {resource} cannot contain region information."
        if "*" not in path.partition("/")[0] and not path.startswith(_IAM_PATHS):
            return f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'
    return None


def _check_trust_condition(statement: Mapping[str, Any]) -> None:
    for operator, block in statement.get("Condition", {}).items():
        if _operator(operator) not in _OPERATORS:
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
    _check_trust_condition(statement)
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
