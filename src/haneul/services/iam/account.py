"""The account's own settings: its alias, password policy, summary and switches."""

from __future__ import annotations

from collections.abc import Iterator

from haneul.auth import tables
from haneul.auth.organizations import find as find_organization
from haneul.service import Call, operation
from haneul.services.iam import access_keys, attachments, documents, groups, instance_profiles, policies, roles, users
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.state.store import Reader, Writer

_SWITCHES = {
    "RequireSymbols": "symbols",
    "RequireNumbers": "numbers",
    "RequireUppercaseCharacters": "uppercase",
    "RequireLowercaseCharacters": "lowercase",
    "AllowUsersToChangePassword": "allow_change",
}


@operation()
def create_account_alias(call: Call, request: Request) -> Answer:
    """One alias for an account, unique in the installation; a new one takes the old one's place."""
    alias = request["AccountAlias"]
    with change(call) as tx:
        held = tables.ALIASES.get(tx, tables.HOUSE, alias)
        if held is not None and held.account != call.account:
            raise errors.EntityAlreadyExists(f"The account alias {alias} already exists.")
        row = settings(tx, call)
        if row.alias:
            tables.ALIASES.delete(tx, tables.HOUSE, row.alias)
        row.alias = alias
        tables.ALIASES.put(tx, tables.HOUSE, tables.Alias(alias, call.account))
        _save(tx, call, row)
    return {}


@operation()
def list_account_aliases(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = settings(tx, call)
    return {"AccountAliases": [row.alias] if row.alias else [], "IsTruncated": False}


@operation()
def delete_account_alias(call: Call, request: Request) -> Answer:
    alias = request["AccountAlias"]
    with change(call) as tx:
        row = settings(tx, call)
        if row.alias != alias:
            raise errors.NoSuchEntity(f"The account alias {alias} cannot be found.")
        tables.ALIASES.delete(tx, tables.HOUSE, alias)
        row.alias = ""
        _save(tx, call, row)
    return {}


@operation()
def update_account_password_policy(call: Call, request: Request) -> Answer:
    """Replaces the whole policy: what isn't named falls back to its default."""
    with change(call) as tx:
        row = settings(tx, call)
        row.password_policy = tables.PasswordPolicy(
            minimum_length=request.get("MinimumPasswordLength", 6),
            max_age=request.get("MaxPasswordAge") or None,
            reuse=request.get("PasswordReusePrevention") or None,
            hard_expiry=request.get("HardExpiry"),
            **{ours: bool(request.get(theirs)) for theirs, ours in _SWITCHES.items()},
        )
        _save(tx, call, row)
    return {}


@operation()
def get_account_password_policy(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        policy = password_policy(tx, call)
    if policy is None:
        raise errors.NoSuchEntity(f"The Password Policy with domain name {call.account} cannot be found.")
    shown = {theirs: getattr(policy, ours) for theirs, ours in _SWITCHES.items()}
    return {
        "PasswordPolicy": {
            "MinimumPasswordLength": policy.minimum_length,
            **shown,
            "ExpirePasswords": policy.max_age is not None,
            "MaxPasswordAge": policy.max_age,
            "PasswordReusePrevention": policy.reuse,
            "HardExpiry": policy.hard_expiry,
        }
    }


@operation()
def delete_account_password_policy(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = settings(tx, call)
        if row.password_policy is None:
            raise errors.NoSuchEntity("The account policy with name PasswordPolicy cannot be found.")
        row.password_policy = None
        _save(tx, call, row)
    return {}


@operation()
def set_security_token_service_preferences(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = settings(tx, call)
        row.token_version = int(request["GlobalEndpointTokenVersion"][1])
        _save(tx, call, row)
    return {}


@operation()
def get_account_summary(call: Call, request: Request) -> Answer:
    """What the account holds, beside its quotas."""
    scope = tables.scope(call.account)
    with call.read() as tx:
        row = settings(tx, call)
        devices = list(tables.MFA_DEVICES.scan(tx, scope))
        used: Answer = {
            "Users": _count(tables.USERS.scan(tx, scope)),
            "Groups": _count(tables.GROUPS.scan(tx, scope)),
            "Roles": _count(tables.ROLES.scan(tx, scope)),
            "Policies": _count(tables.POLICIES.scan(tx, scope)),
            "PolicyVersionsInUse": _count(tables.POLICY_VERSIONS.scan(tx, scope)),
            "InstanceProfiles": _count(tables.INSTANCE_PROFILES.scan(tx, scope)),
            "ServerCertificates": _count(tables.SERVER_CERTIFICATES.scan(tx, scope)),
            "Providers": _count(tables.OIDC_PROVIDERS.scan(tx, scope)) + _count(tables.SAML_PROVIDERS.scan(tx, scope)),
            "MFADevices": len(devices),
            "MFADevicesInUse": sum(1 for device in devices if device.user),
            "AccountMFAEnabled": int(any(device.user == "/" for device in devices)),
            "AccountAccessKeysPresent": int(bool(row.root_keys)),
            "AccountPasswordPresent": 1,
            "AccountSigningCertificatesPresent": 0,
            "GlobalEndpointTokenVersion": row.token_version,
        }
    return {"SummaryMap": used | _QUOTAS}


_QUOTAS = {
    "UsersQuota": users.QUOTA,
    "GroupsQuota": groups.QUOTA,
    "RolesQuota": roles.QUOTA,
    "PoliciesQuota": policies.QUOTA,
    "PolicySizeQuota": documents.POLICY_SIZE,
    "PolicyVersionsInUseQuota": 10_000,
    "VersionsPerPolicyQuota": policies.VERSIONS,
    "InstanceProfilesQuota": instance_profiles.QUOTA,
    "ServerCertificatesQuota": 20,
    "UserPolicySizeQuota": documents.INLINE_SIZES["user"],
    "GroupPolicySizeQuota": documents.INLINE_SIZES["group"],
    "RolePolicySizeQuota": documents.INLINE_SIZES["role"],
    "AssumeRolePolicySizeQuota": documents.TRUST_SIZE,
    "GroupsPerUserQuota": groups.PER_USER,
    "SigningCertificatesPerUserQuota": 2,
    "AccessKeysPerUserQuota": access_keys.QUOTA,
    "AttachedPoliciesPerGroupQuota": attachments.QUOTAS["group"][1],
    "AttachedPoliciesPerRoleQuota": attachments.QUOTAS["role"][1],
    "AttachedPoliciesPerUserQuota": attachments.QUOTAS["user"][1],
}


@operation()
def enable_organizations_root_credentials_management(call: Call, request: Request) -> Answer:
    return _feature(call, "RootCredentialsManagement", enable=True)


@operation()
def disable_organizations_root_credentials_management(call: Call, request: Request) -> Answer:
    return _feature(call, "RootCredentialsManagement", enable=False)


@operation()
def enable_organizations_root_sessions(call: Call, request: Request) -> Answer:
    return _feature(call, "RootSessions", enable=True)


@operation()
def disable_organizations_root_sessions(call: Call, request: Request) -> Answer:
    return _feature(call, "RootSessions", enable=False)


@operation()
def list_organizations_features(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        organization = _organization(tx, call)
        row = settings(tx, call)
    return {"OrganizationId": organization, "EnabledFeatures": row.organization_features}


def settings(tx: Reader, call: Call) -> tables.Account:
    """The account's row, as it is before anything was set."""
    return tables.ACCOUNTS.get(tx, tables.scope(call.account), call.account) or tables.Account(call.account)


def password_policy(tx: Reader, call: Call) -> tables.PasswordPolicy | None:
    return settings(tx, call).password_policy


def _save(tx: Writer, call: Call, row: tables.Account) -> None:
    tables.ACCOUNTS.put(tx, tables.scope(call.account), row)


def _count(rows: Iterator[object]) -> int:
    return sum(1 for _ in rows)


def _feature(call: Call, feature: str, *, enable: bool) -> Answer:
    with change(call) as tx:
        organization = _organization(tx, call)
        row = settings(tx, call)
        kept = [one for one in row.organization_features if one != feature]
        row.organization_features = [*kept, feature] if enable else kept
        _save(tx, call, row)
    return {"OrganizationId": organization, "EnabledFeatures": row.organization_features}


def _organization(tx: Reader, call: Call) -> str:
    """The id of the organization that the caller manages."""
    found = find_organization(tx, call.account)
    if found is None:
        raise errors.OrganizationNotFoundException("The account is not a member of an organization.")
    if found.management != call.account:
        raise errors.AccountNotManagementOrDelegatedAdministratorException(
            "The request was rejected because the account is neither the management account nor a delegated "
            "administrator for AWS Identity and Access Management."
        )
    if "iam.amazonaws.com" not in found.services:
        raise errors.ServiceAccessNotEnabledException(
            "Trusted access is not enabled for AWS Identity and Access Management in AWS Organizations."
        )
    return found.id
