"""Rows of IAM: the tables behind the iam and sts rooms and the directory. IAM is global: Scope(account, "aws-global").

Names are unique whatever their case, so a row's `key` is its name in lower case. What an entity owns
(inline policies, tags, attachments) lies in its row, so that one read tells everything that binds it.
"""

from __future__ import annotations

import msgspec

from haneul.service import Scope
from haneul.state.table import Table

REGION = "aws-global"
HOUSE = Scope("", "")
"""Rows that are found before the account is known: access keys, account aliases."""


def scope(account: str) -> Scope:
    return Scope(account, REGION)


class Password(msgspec.Struct, frozen=True):
    """A login profile: the scrypt hash and salt of the password, and of the older ones that may not come back."""

    digest: bytes
    salt: bytes
    created: float
    changed: float
    reset_required: bool = False
    older: tuple[tuple[bytes, bytes], ...] = ()
    max_signin: int | None = None


class User(msgspec.Struct):
    key: str
    name: str
    path: str
    id: str
    created: float
    tags: dict[str, str] = {}
    groups: list[str] = []
    """Keys of the groups it is in."""
    inline: dict[str, str] = {}
    attached: list[str] = []
    """ARNs of managed policies, in the order attached."""
    boundary: str = ""
    access_keys: list[str] = []
    password: Password | None = None
    password_used: float | None = None


class Group(msgspec.Struct):
    key: str
    name: str
    path: str
    id: str
    created: float
    inline: dict[str, str] = {}
    attached: list[str] = []


class Role(msgspec.Struct):
    key: str
    name: str
    path: str
    id: str
    created: float
    trust: str
    description: str | None = None
    max_session: int = 3600
    max_signin: int | None = None
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: list[str] = []
    boundary: str = ""


class Policy(msgspec.Struct):
    """A customer managed policy; its documents are `PolicyVersion` rows."""

    key: str
    name: str
    path: str
    id: str
    created: float
    updated: float
    default: int = 1
    newest: int = 1
    description: str | None = None
    tags: dict[str, str] = {}


class PolicyVersion(msgspec.Struct):
    policy: str
    number: int
    document: str
    created: float


class Attachment(msgspec.Struct):
    """The way back from a managed policy to an entity: kind user|group|role (attached),
    user-boundary|role-boundary (bounded by it)."""

    policy: str
    kind: str
    entity: str


class Membership(msgspec.Struct):
    """The way back from a group to a user (keys of both)."""

    group: str
    user: str


class AccessKey(msgspec.Struct):
    """A long-term key, in the house's scope. `user` is its user's key, "" for the account's root."""

    id: str
    account: str
    user: str
    secret: bytes
    created: float
    status: str = "Active"


class KeyUse(msgspec.Struct):
    """When a key was last used, where and for what; written lazily."""

    id: str
    at: float
    service: str
    region: str


class Access(msgspec.Struct):
    """When an entity (its ARN) last reached a service; written lazily."""

    entity: str
    service: str
    at: float
    region: str


class InstanceProfile(msgspec.Struct):
    key: str
    name: str
    path: str
    id: str
    created: float
    role: str = ""
    tags: dict[str, str] = {}


class MfaDevice(msgspec.Struct):
    """A virtual MFA device (its seed sealed). `user` is the key of the user it is enabled for, "/" for root."""

    serial: str
    seed: bytes
    created: float
    user: str = ""
    enabled: float | None = None
    last_step: int = 0
    """The newest time step whose code was accepted: no code counts twice."""
    tags: dict[str, str] = {}


class Certificate(msgspec.Struct):
    """A user's signing certificate."""

    user: str
    id: str
    body: str
    created: float
    status: str = "Active"


class SshKey(msgspec.Struct):
    user: str
    id: str
    body: str
    fingerprint: str
    created: float
    status: str = "Active"


class ServiceCredential(msgspec.Struct):
    """A service-specific credential (CodeCommit, Keyspaces, Bedrock); the password is sealed."""

    user: str
    id: str
    service: str
    service_user: str
    secret: bytes
    created: float
    status: str = "Active"
    expires: float | None = None


class OidcProvider(msgspec.Struct):
    url: str
    """Without scheme."""
    created: float
    clients: list[str] = []
    thumbprints: list[str] = []
    tags: dict[str, str] = {}


class SamlProvider(msgspec.Struct):
    key: str
    name: str
    metadata: bytes
    """The document, deflated."""
    created: float
    valid_until: float
    id: str = ""
    encryption: str | None = None
    private_keys: list[tuple[str, float, bytes]] = []
    """(key id, when added, sealed PEM)."""
    tags: dict[str, str] = {}


class ServerCertificate(msgspec.Struct):
    key: str
    name: str
    path: str
    id: str
    uploaded: float
    expires: float
    body: str
    chain: str | None
    private_key: bytes
    tags: dict[str, str] = {}


class DeletionTask(msgspec.Struct):
    """The deletion of a service-linked role."""

    id: str
    status: str
    reason: str | None = None


class ReportPart(msgspec.Struct):
    """A slice of the account's credential report, written at `at`."""

    part: int
    at: float
    content: bytes


class AccessJob(msgspec.Struct):
    """A request for last-accessed details of an entity (its ARN)."""

    id: str
    arn: str
    created: float
    granularity: str = "SERVICE_LEVEL"


class OrganizationJob(msgspec.Struct):
    """A request for an access report about a part of the organization (o-.../r-.../ou-.../account)."""

    id: str
    path: str
    created: float
    policy: str = ""


class PasswordPolicy(msgspec.Struct, frozen=True):
    minimum_length: int = 6
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    allow_change: bool = False
    max_age: int | None = None
    reuse: int | None = None
    hard_expiry: bool | None = None


class Account(msgspec.Struct):
    """An account's own settings; `id` is its twelve digits."""

    id: str
    alias: str = ""
    password_policy: PasswordPolicy | None = None
    token_version: int = 1
    root_keys: list[str] = []
    organization_features: list[str] = []
    issuer: str = ""
    """The URL in tokens that its principals show to others; the keys are in `Issuer`."""


class Issuer(msgspec.Struct):
    """An account as an issuer of web identity tokens: algorithm -> sealed private key (PKCS 8, DER)."""

    id: str
    account: str
    url: str
    keys: dict[str, bytes]


class Alias(msgspec.Struct):
    """An account alias, unique in the house."""

    alias: str
    account: str


class Version(msgspec.Struct):
    """Counts changes of IAM, so that other gateways over the same store notice."""

    id: str
    number: int


USERS = Table("iam.user", User, key=("key",))
GROUPS = Table("iam.group", Group, key=("key",))
ROLES = Table("iam.role", Role, key=("key",))
POLICIES = Table("iam.policy", Policy, key=("key",))
POLICY_VERSIONS = Table("iam.policyversion", PolicyVersion, key=("policy", "number"))
ATTACHMENTS = Table("iam.attachment", Attachment, key=("policy", "kind", "entity"))
MEMBERSHIPS = Table("iam.membership", Membership, key=("group", "user"))
ACCESS_KEYS = Table("iam.accesskey", AccessKey, key=("id",))
KEY_USES = Table("iam.keyuse", KeyUse, key=("id",))
ACCESSES = Table("iam.access", Access, key=("entity", "service"))
INSTANCE_PROFILES = Table("iam.instanceprofile", InstanceProfile, key=("key",))
MFA_DEVICES = Table("iam.mfadevice", MfaDevice, key=("serial",))
CERTIFICATES = Table("iam.signingcertificate", Certificate, key=("user", "id"))
SSH_KEYS = Table("iam.sshkey", SshKey, key=("user", "id"))
SERVICE_CREDENTIALS = Table("iam.servicecredential", ServiceCredential, key=("user", "id"))
OIDC_PROVIDERS = Table("iam.oidcprovider", OidcProvider, key=("url",))
SAML_PROVIDERS = Table("iam.samlprovider", SamlProvider, key=("key",))
SERVER_CERTIFICATES = Table("iam.servercertificate", ServerCertificate, key=("key",))
DELETION_TASKS = Table("iam.deletiontask", DeletionTask, key=("id",))
REPORTS = Table("iam.reportpart", ReportPart, key=("part",))
ACCESS_JOBS = Table("iam.accessjob", AccessJob, key=("id",))
ORGANIZATION_JOBS = Table("iam.organizationjob", OrganizationJob, key=("id",))
ACCOUNTS = Table("iam.account", Account, key=("id",))
ISSUERS = Table("iam.issuer", Issuer, key=("id",))
ALIASES = Table("iam.alias", Alias, key=("alias",))
VERSIONS = Table("iam.version", Version, key=("id",))
