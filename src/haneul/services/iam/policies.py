"""Customer managed policies and their versions (five at most, one of them in force); AWS's own can be read."""

from __future__ import annotations

from collections.abc import Iterator

from haneul.auth import managed, tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import attachments, documents, entities, pages, tagging
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import NEW_KEYS, POLICY, POLICY_KEYS, new
from haneul.state.store import Reader

QUOTA = 1500
VERSIONS = 5


@operation(resource=new("policy", "PolicyName"), conditions=NEW_KEYS)
def create_policy(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name = request["PolicyName"]
    documents.check_managed(request["PolicyDocument"])
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.POLICIES.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
        pages.check_quota(tx, call, tables.POLICIES, "PoliciesPerAccount", QUOTA)
        now = entities.now(call)
        row = tables.Policy(
            key=name.lower(),
            name=name,
            path=request.get("Path", "/"),
            id=tokens.unique_id("ANPA"),
            created=now,
            updated=now,
            description=request.get("Description"),
            tags=tags,
        )
        tables.POLICIES.put(tx, scope, row)
        tables.POLICY_VERSIONS.put(tx, scope, tables.PolicyVersion(row.key, 1, request["PolicyDocument"], now))
        answer = describe(tx, call, row)
    # What is created is told without its description, and without tags when there are none.
    del answer["Description"]
    return {"Policy": answer | {"Tags": tagging.shown(tags)}}


@operation(resource=POLICY, conditions=POLICY_KEYS)
def get_policy(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        return {"Policy": describe(tx, call, _existing(tx, call, request["PolicyArn"]))}


@operation(resource="arn:aws:iam::{account}:policy/")
def list_policies(call: Call, request: Request) -> Answer:
    """The account's own policies and AWS's, by name."""
    with call.read() as tx:
        rows = (row for row in _scope(tx, call, request) if entities.under(request, row.path))
        used = attachments.counts(tx, call.account)
        kept = [row for row in rows if _is_used(request, *used.get(_arn(call, row), (0, 0)))]
        kept.sort(key=lambda row: (row.name.lower(), _arn(call, row)))
        return page(
            request,
            "Policies",
            kept,
            lambda row: f"{row.name.lower()} {_arn(call, row)}",
            lambda row: describe(tx, call, row, full=False),
        )


@operation(resource=POLICY, conditions=POLICY_KEYS)
def delete_policy(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = entities.customer_policy(tx, call, request["PolicyArn"])
        if sum(attachments.count(tx, call.account, request["PolicyArn"])):
            raise errors.DeleteConflict("Cannot delete a policy attached to entities.")
        if len(list(tables.POLICY_VERSIONS.scan(tx, scope, row.key))) > 1:
            raise errors.DeleteConflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            )
        tables.POLICY_VERSIONS.delete_all(tx, scope, row.key)
        tables.POLICIES.delete(tx, scope, row.key)
    return {}


@operation(resource=POLICY, conditions=POLICY_KEYS)
def create_policy_version(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    documents.check_managed(request["PolicyDocument"])
    with change(call) as tx:
        row = entities.customer_policy(tx, call, request["PolicyArn"])
        if len(list(tables.POLICY_VERSIONS.scan(tx, scope, row.key))) >= VERSIONS:
            raise errors.LimitExceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                "existing version."
            )
        row.newest += 1
        row.updated = entities.now(call)
        if request.get("SetAsDefault"):
            row.default = row.newest
        version = tables.PolicyVersion(row.key, row.newest, request["PolicyDocument"], row.updated)
        tables.POLICY_VERSIONS.put(tx, scope, version)
        tables.POLICIES.put(tx, scope, row)
    return {"PolicyVersion": _version(version, row.default)}


@operation(resource=POLICY, conditions=POLICY_KEYS)
def get_policy_version(call: Call, request: Request) -> Answer:
    arn = request["PolicyArn"]
    with call.read() as tx:
        row = _existing(tx, call, arn)
        if isinstance(row, managed.ManagedPolicy):
            if request["VersionId"] != row.version:
                raise _no_version(arn, request["VersionId"])
            return {"PolicyVersion": _aws_version(row) | {"Document": entities.encoded(row.document)}}
        version = _find_version(tx, call, row, request["VersionId"])
    return {"PolicyVersion": _version(version, row.default) | {"Document": entities.encoded(version.document)}}


@operation(resource=POLICY, conditions=POLICY_KEYS)
def list_policy_versions(call: Call, request: Request) -> Answer:
    """Newest first."""
    with call.read() as tx:
        row = _existing(tx, call, request["PolicyArn"])
        if isinstance(row, managed.ManagedPolicy):
            return {"Versions": [_aws_version(row)], "IsTruncated": False}
        versions = list(tables.POLICY_VERSIONS.scan(tx, tables.scope(call.account), row.key, reverse=True))
    default = row.default
    return page(
        request, "Versions", versions, lambda one: f"{10**8 - one.number:08d}", lambda one: _version(one, default)
    )


@operation(resource=POLICY, conditions=POLICY_KEYS)
def set_default_policy_version(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = entities.customer_policy(tx, call, request["PolicyArn"])
        version = _find_version(tx, call, row, request["VersionId"])
        row.default = version.number
        row.updated = entities.now(call)
        tables.POLICIES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=POLICY, conditions=POLICY_KEYS)
def delete_policy_version(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = entities.customer_policy(tx, call, request["PolicyArn"])
        version = _find_version(tx, call, row, request["VersionId"])
        if version.number == row.default:
            raise errors.DeleteConflict("Cannot delete the default version of a policy.")
        tables.POLICY_VERSIONS.delete(tx, tables.scope(call.account), row.key, version.number)
        row.updated = entities.now(call)
        tables.POLICIES.put(tx, tables.scope(call.account), row)
    return {}


def describe(tx: Reader, call: Call, row: tables.Policy | managed.ManagedPolicy, *, full: bool = True) -> Answer:
    """A Policy as Get answers it, tags or not; listings leave out description and tags (`full` False)."""
    arn = _arn(call, row)
    attached, bounded = attachments.count(tx, call.account, arn)
    tags = {} if isinstance(row, managed.ManagedPolicy) else row.tags
    return {
        "PolicyName": row.name,
        "PolicyId": row.id,
        "Arn": arn,
        "Path": row.path,
        "DefaultVersionId": row.version if isinstance(row, managed.ManagedPolicy) else f"v{row.default}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounded,
        "IsAttachable": True,
        "Description": row.description if full else None,
        "CreateDate": row.created,
        "UpdateDate": row.updated,
        "Tags": tagging.shown(tags) or [] if full else None,
    }


def _arn(call: Call, row: tables.Policy | managed.ManagedPolicy) -> str:
    return row.arn if isinstance(row, managed.ManagedPolicy) else entities.policy_arn(call.account, row)


def _existing(tx: Reader, call: Call, arn: str) -> tables.Policy | managed.ManagedPolicy:
    entities.check_policy_arn(arn)
    row = entities.policy(tx, call, arn)
    if row is None:
        raise errors.NoSuchEntity(f"Policy {arn} was not found.")
    return row


def _scope(tx: Reader, call: Call, request: Request) -> Iterator[tables.Policy | managed.ManagedPolicy]:
    wanted = request.get("Scope", "All")
    if wanted in ("All", "Local"):
        yield from tables.POLICIES.scan(tx, tables.scope(call.account))
    if wanted in ("All", "AWS"):
        yield from managed.catalog().values()


def _is_used(request: Request, attached: int, bounded: int) -> bool:
    usage = request.get("PolicyUsageFilter")
    count = {"PermissionsPolicy": attached, "PermissionsBoundary": bounded}.get(usage or "", attached + bounded)
    return count > 0 if request.get("OnlyAttached") else True


def _find_version(tx: Reader, call: Call, row: tables.Policy, version: str) -> tables.PolicyVersion:
    number = version[1:]
    if number.isdigit() and len(number) < 12:
        found = tables.POLICY_VERSIONS.get(tx, tables.scope(call.account), row.key, int(number))
        if found is not None:
            return found
    raise _no_version(entities.policy_arn(call.account, row), version)


def _no_version(arn: str, version: str) -> Exception:
    return errors.NoSuchEntity(f"Policy {arn} version {version} does not exist or is not attachable.")


def _version(version: tables.PolicyVersion, default: int) -> Answer:
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == default,
        "CreateDate": version.created,
    }


def _aws_version(policy: managed.ManagedPolicy) -> Answer:
    return {"VersionId": policy.version, "IsDefaultVersion": True, "CreateDate": policy.updated}
