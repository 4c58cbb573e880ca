"""GetDataAccess: temporary credentials for what somebody was granted: a session of the location's role, narrowed down.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-grants-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.auth.principals import Principal
from haneul.service import Call, Scope, operation
from haneul.services.s3control import grants, pages, roles
from haneul.services.s3control.access_grants_locations import SERVICE, SESSION
from haneul.services.s3control.errors import errors
from haneul.services.s3control.grants import GRANTS, ROOT, Grant
from haneul.wire.errors import AwsError

HOUR = 3600
_READS = (
    *("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAcl", "s3:GetObjectVersionAcl", "s3:GetObjectTagging"),
    *("s3:GetObjectAttributes", "s3:ListMultipartUploadParts"),
)
_WRITES = (
    *("s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutObjectTagging", "s3:DeleteObject"),
    *("s3:DeleteObjectVersion", "s3:AbortMultipartUpload"),
)
_STS = {
    "AccessDenied": "StsNotAuthorizedError",
    "PackedPolicyTooLarge": "StsPackedPolicyTooLargeError",
    "ValidationError": "StsValidationError",
}


def _instance(call: Call, request: Mapping[str, Any]) -> str:
    return grants.arn(Scope(request["AccountId"], call.region))


@operation(resource=_instance)
def get_data_access(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetDataAccess. Raises AccessDenied without a grant that reaches the target, StsNotAuthorizedError."""
    scope = Scope(request["AccountId"], call.region)
    permission, asked = request["Permission"], request["Target"]
    target = asked if request.get("TargetType") == "Object" else grants.whole(asked)
    with call.read() as tx:
        grants.instance_of(tx, scope)
        fitting = [
            grant
            for grant in GRANTS.scan(tx, scope)
            if _is_grantee(call.principal, grant) and _permits(grant, permission) and grants.covers(grant.scope, target)
        ]
        if not fitting:
            raise errors.AccessDenied(f"You do not have {permission} permissions to the requested S3 Prefix: {asked}")
        grant = max(fitting, key=lambda grant: len(grant.scope))
        role = grants.location_of(tx, scope, grant.location).role
    reach = target if request.get("Privilege") == "Minimal" else grant.scope
    return {
        "Credentials": _session(call, scope, role, reach, permission, request.get("DurationSeconds", HOUR)),
        "MatchedGrantTarget": reach,
        "Grantee": {"GranteeType": grant.grantee_type, "GranteeIdentifier": grant.grantee},
        "MatchedInstanceArn": grants.arn(scope),
    }


@operation(resource=_instance)
def list_caller_access_grants(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListCallerAccessGrants: those of whoever asks."""
    scope = Scope(request["AccountId"], call.region)
    wanted = request.get("GrantScope") or ROOT
    with call.read() as tx:
        grants.instance_of(tx, scope)
        found = (
            (grant.id, {"Permission": grant.permission, "GrantScope": grant.scope,
                        "AccessGrantsInstanceArn": grants.arn(scope)})
            for grant in GRANTS.scan(tx, scope, after_key=pages.after(request))
            if _is_grantee(call.principal, grant) and grant.scope.startswith(wanted.rstrip("*"))
        )  # fmt: skip
        page, token = pages.take(request, found)
    return {"CallerAccessGrantsList": page, "NextToken": token}


def _is_grantee(principal: Principal, grant: Grant) -> bool:
    return grant.grantee in (principal.arn, principal.role_arn)


def _permits(grant: Grant, permission: str) -> bool:
    return grant.permission in (permission, "READWRITE")


def _session(call: Call, scope: Scope, role: str, reach: str, permission: str, seconds: int) -> Mapping[str, Any]:
    """Credentials of the location's role that reach no further than the grant."""
    source = re.sub(r"[^\w+=,.@-]", "-", call.principal.arn.rpartition("/")[2] or call.account)[:64]
    asked = {"Policy": policy_of(reach, permission), "DurationSeconds": seconds, "SourceIdentity": source}
    try:
        return roles.session(call, scope, role, SERVICE, SESSION, grants.arn(scope), asked)
    except AwsError as error:
        raise AwsError(_STS.get(error.code, error.code), error.message, error.status) from None


def _literally(text: str) -> str:
    """A text in which a policy sees neither wildcards nor variables."""
    return re.sub(r"[$*?]", lambda found: f"${{{found[0]}}}", text)


def policy_of(reach: str, permission: str) -> str:
    """The session policy for a path that ends in * or is one object."""
    bucket, _, path = reach.removeprefix(ROOT).partition("/")
    key = _literally(path.removesuffix("*")) + path[len(path.removesuffix("*")) :]
    actions = [*(_READS if permission != "WRITE" else ()), *(_WRITES if permission != "READ" else ())]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:s3:::{bucket}/{key}"}
    ]
    keys = [
        *(["kms:Decrypt"] if permission != "WRITE" else ()),
        *(["kms:GenerateDataKey"] if permission != "READ" else ()),
    ]
    statements.append({"Effect": "Allow", "Action": keys, "Resource": "*"})
    if permission != "WRITE":
        listing: dict[str, Any] = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
        if key != "*":
            listing["Condition"] = {"StringLike": {"s3:prefix": [key]}}
        statements.append(listing)
    return orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode()
