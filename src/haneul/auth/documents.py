"""The grammar of resource policies, with the words in which S3 refuses one; other services put them in their own error.

validate_resource(text, "s3", "arn:aws:s3:::bucket")      raises AwsError MalformedPolicy
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from haneul.auth.canonical_users import account_of
from haneul.auth.conditions import parse_operator
from haneul.auth.patterns import glob
from haneul.auth.s3_actions import RIGHTS
from haneul.wire.errors import AwsError

VERSIONS = ("2008-10-17", "2012-10-17")
_TOP = frozenset({"Version", "Id", "Statement"})
_FIELDS = frozenset(
    {
        *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
        *("Resource", "NotResource", "Condition"),
    }
)
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_ARN = re.compile(r"arn:aws(-[a-z]+)*:(iam|sts):[a-z0-9-]*:(\d{12}|aws|\*|cloudfront)?:.+")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{15,127}")


class Grammar:
    """What one service accepts: its actions' prefix, the ARNs its policies may be about, and how it refuses."""

    def __init__(self, prefix: str, arns: Iterable[str], code: str = "MalformedPolicy", status: int = 400) -> None:
        self.prefix = prefix.lower()
        self.arns = tuple(arns)
        self.code = code
        self.status = status

    def error(self, message: str, **members: object) -> AwsError:
        return AwsError(self.code, message, self.status, None, **members)

    def check(self, text: str | bytes) -> dict[str, Any]:
        """The document. Raises AwsError naming the first thing that is wrong with it."""
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise self.error("Policies must be valid JSON and the first byte must be '{'") from None
        if not isinstance(document, dict):
            raise self.error("Policies must be valid JSON and the first byte must be '{'")
        for name in document:
            if name not in _TOP:
                raise self.error(f"Unknown field {name}")
        if document.get("Version", VERSIONS[0]) not in VERSIONS:
            raise self.error("The policy must contain a valid version string")
        if "Statement" not in document:
            raise self.error("Missing required field Statement")
        statements = document["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        if not statements:
            raise self.error("Could not parse the policy: Statement is empty!")
        names = []
        for statement in statements:
            self._check_statement(statement)
            if statement.get("Sid"):
                names.append(statement["Sid"])
        if len(set(names)) != len(names):
            raise self.error("Duplicate Statement IDs (Sid) in policy")
        return document

    def _check_statement(self, statement: Any) -> None:
        if not isinstance(statement, dict):
            raise self.error("Could not parse the policy: a Statement must be an object")
        for name in statement:
            if name not in _FIELDS:
                raise self.error(f"Unknown field {name}")
        if not isinstance(statement.get("Sid", ""), str):
            raise self.error("Could not parse the policy: Sid must be a string")
        if "Effect" not in statement:
            raise self.error("Missing required field Effect")
        if statement["Effect"] not in ("Allow", "Deny"):
            raise self.error(f"Invalid effect: {statement['Effect']}")
        for name in ("Principal", "Action", "Resource"):
            other = f"Not{name}"
            if name not in statement and other not in statement:
                raise self.error(f"Missing required field {name}")
            if name in statement and other in statement:
                raise self.error(f"Statement may contain only one of {name} and {other}")
        if "NotPrincipal" in statement and statement["Effect"] == "Allow":
            raise self.error("Allow with NotPrincipal is not allowed.")
        self._check_principal(statement.get("Principal", statement.get("NotPrincipal")))
        actions = self._strings(statement.get("Action", statement.get("NotAction")), "action")
        resources = self._strings(statement.get("Resource", statement.get("NotResource")), "resource")
        self._check_actions(actions)
        self._check_resources(resources)
        if self.prefix == "s3" and "Action" in statement and "Resource" in statement:
            self._check_fit(actions, resources)
        if "Condition" in statement:
            self._check_conditions(statement["Condition"])

    def _strings(self, value: Any, what: str) -> list[str]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise self.error(f"Policy has invalid {what}")
        if not values or not all(values):
            raise self.error("Policy Member must not be empty.")
        return values

    def _check_principal(self, element: Any) -> None:
        if element == "*":
            return
        if not isinstance(element, dict) or not element:
            raise self._principal(element)
        for kind, names in element.items():
            if kind not in _PRINCIPALS:
                raise self._principal(kind)
            values = [names] if isinstance(names, str) else names
            if not isinstance(values, list) or not values:
                raise self._principal(names)
            for name in values:
                if not isinstance(name, str) or not _is_principal(kind, name):
                    raise self._principal(name if kind != "AWS" else f'"AWS" : "{name}"')

    def _principal(self, detail: Any) -> AwsError:
        shown = detail if isinstance(detail, str) else orjson.dumps(detail).decode()
        return self.error("Invalid principal in policy", Detail=shown)

    def _check_actions(self, actions: list[str]) -> None:
        for action in actions:
            vendor, colon, name = action.partition(":")
            if action == "*":
                continue
            if not colon or not name or re.fullmatch(glob(vendor.lower()), self.prefix) is None:
                raise self.error("Policy has invalid action")
            if re.fullmatch(r"[\w*?-]+", name, re.ASCII) is None or not self._is_known(name.lower()):
                raise self.error("Policy has invalid action")

    def _is_known(self, name: str) -> bool:
        if self.prefix != "s3" or name in RIGHTS:
            return True
        match = re.compile(glob(name)).fullmatch
        return any(match(right) for right in RIGHTS)

    def _check_resources(self, resources: list[str]) -> None:
        for resource in resources:
            if resource == "*" and self.prefix != "s3":
                continue
            if not any(_within(resource, arn) for arn in self.arns):
                raise self.error("Policy has invalid resource")

    def _check_fit(self, actions: list[str], resources: list[str]) -> None:
        """S3: an action on buckets needs a bucket among the resources, one on objects an object."""
        # A wildcard may cross from bucket to key: "bucket*" is both.
        has_bucket = any("/" not in one or "*" in one.partition("/")[0] for one in resources)
        has_object = any("/" in one or "*" in one or "?" in one for one in resources)
        for action in actions:
            name = action.partition(":")[2].lower()
            if action == "*" or "*" in name or "?" in name:
                continue
            if (_is_object_action(name) and not has_object) or (not _is_object_action(name) and not has_bucket):
                raise self.error("Action does not apply to any resource(s) in statement")

    def _check_conditions(self, block: Any) -> None:
        if not isinstance(block, dict):
            raise self.error("Could not parse the policy: Condition must be an object")
        for operator, tests in block.items():
            if parse_operator(operator) is None:
                raise self.error(f"Invalid Condition type : {operator}")
            if not isinstance(tests, dict):
                raise self.error(f"Could not parse the policy: {operator} must hold an object")
            for key, value in tests.items():
                self._check_test(operator, key, value)

    def _check_test(self, operator: str, key: str, value: Any) -> None:
        if ":" not in key or not key.partition(":")[2]:
            raise self.error("Policy has an invalid condition key")
        vendor = key.partition(":")[0].lower()
        if self.prefix == "s3" and vendor not in ("s3", "aws", "kms", "ec2", "sts", "saml"):
            raise self.error("Policy has an invalid condition key")
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, dict | list) or one is None for one in values):
            raise self.error("Policy has an invalid condition value")
        if "ipaddress" in operator.lower():
            for one in values:
                try:
                    ipaddress.ip_network(str(one), strict=False)
                except ValueError:
                    raise self.error(f"Invalid IP address in condition: {one}") from None


def _is_principal(kind: str, name: str) -> bool:
    if kind == "AWS":
        return (
            name == "*"
            or (len(name) == 12 and name.isdigit())
            or (_ARN.fullmatch(name) is not None and ("*" not in name and "?" not in name))
            or _UNIQUE_ID.fullmatch(name) is not None
        )
    if kind == "CanonicalUser":
        return account_of(name) is not None
    if kind == "Service":
        return re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", name, re.I) is not None or name == "*"
    return bool(name)


def _within(resource: str, arn: str) -> bool:
    """Whether a resource of a policy may be `arn` or beneath it, wildcards allowed."""
    if "${" in resource:
        resource = re.sub(r"\$\{[^}]*\}", "*", resource)
    if not resource.startswith("arn:") and resource != "*":
        return False
    for own in (arn, arn + "/"):
        head = own if own.endswith("/") else None
        if head is not None and resource.startswith(head):
            return True
        if re.fullmatch(glob(resource), own, re.S) is not None:
            return True
    # "arn:aws:s3:::buck*/folder": a wildcard in the bucket's part, then a key.
    top, slash, _ = resource.partition("/")
    return bool(slash) and "*" in top and re.fullmatch(glob(top), arn, re.S) is not None


_OBJECT_WORDS = ("object", "multipartuploadparts", "abortmultipartupload", "replicatedelete", "replicatetags")
_BUCKET_WORDS = ("getbucketobjectlockconfiguration", "putbucketobjectlockconfiguration")


def _is_object_action(name: str) -> bool:
    if name in _BUCKET_WORDS:
        return False
    return any(word in name for word in _OBJECT_WORDS) or name == "bypassgovernanceretention"


def validate_resource(
    text: str | bytes, prefix: str, *arns: str, code: str = "MalformedPolicy", status: int = 400
) -> Mapping[str, Any]:
    """The parsed resource policy of a resource known by `arns`. Raises AwsError `code` saying what is wrong."""
    return Grammar(prefix, arns, code, status).check(text)
