"""The evaluation of policies in AWS's order: an explicit deny anywhere, then who must allow and who may.

    service control policies   every level must allow
    resource policy            grants within the account; of other accounts' callers both sides must allow
    identity policies          must allow, unless the resource policy named the caller
    permissions boundary       must allow, unless the resource policy named the user or session itself
    session policies           must allow, unless the resource policy named the session itself

Pure: `evaluate` for one question (the policy simulator), `Rights` and `Voice` for many (the gate): both hold what
is about one action already sorted out, so that a decision is a few comparisons.
"""

from __future__ import annotations

from typing import NamedTuple

from haneul.auth.grantees import By
from haneul.auth.patterns import Keys
from haneul.auth.policy import Policy, Statement, compiled
from haneul.auth.principals import Policies, Principal

IDENTITY, RESOURCE, BOUNDARY = "identity", "resource", "boundary"
SESSION, ORGANIZATION, ACL, ROOT, SERVICE = "session", "organization", "acl", "root", "service"
_CLOSED_WITHOUT_POLICY = ("kms:", "sts:assumerole", "sts:tagsession", "sts:setsourceidentity")


class Decision(NamedTuple):
    """allowed, and by which kind of policy it was decided; `explicit` for a deny that was written.

    policy and statement tell the deciding statement (its policy's name and index, -1 for none).
    """

    allowed: bool
    kind: str
    explicit: bool = False
    policy: str = ""
    statement: int = -1
    sid: str = ""


class Side:
    """The statements of one kind of policies about one action."""

    __slots__ = ("allows", "denies", "everything")

    def __init__(self, policies: list[Policy], action: str) -> None:
        about = [(policy.name, statement) for policy in policies for statement in policy.about(action)]
        self.allows = [(name, statement) for name, statement in about if statement.allow]
        self.denies = [(name, statement) for name, statement in about if not statement.allow]
        # The statement that allows the action whatever the resource and the request, when nothing speaks against it.
        wholly = [(name, s) for name, s in self.allows if s.anywhere and not s.conditions]
        self.everything = wholly[0] if wholly and not self.denies else None

    def denied(self, kind: str, resource: str, keys: Keys) -> Decision | None:
        for name, statement in self.denies:
            if statement.holds(resource, keys):
                return Decision(False, kind, True, name, statement.index, statement.sid)
        return None

    def allowed(self, kind: str, resource: str, keys: Keys) -> Decision | None:
        for name, statement in self.allows:
            if statement.holds(resource, keys):
                return Decision(True, kind, False, name, statement.index, statement.sid)
        return None


class Bundle:
    """All policies that bind one principal, compiled."""

    __slots__ = ("boundary", "identity", "organization", "principal", "session")

    def __init__(self, principal: Principal, policies: Policies) -> None:
        self.principal = principal
        self.identity = [compiled(text, name) for name, text in policies.identity]
        self.boundary = None if policies.boundary is None else [compiled(policies.boundary, "boundary")]
        self.session = [compiled(text, "session") for text in principal.session_policies]
        self.organization = [[compiled(text, "scp") for text in level] for level in policies.organization]

    def rights(self, action: str) -> Rights:
        return Rights(self, action.lower())


class Rights:
    """What a principal's own policies say about one action."""

    __slots__ = ("anything", "boundary", "identity", "is_root", "kind", "levels", "needs_voice", "session", "silent")

    def __init__(self, bundle: Bundle, action: str) -> None:
        self.kind = bundle.principal.kind
        self.is_root = self.kind == "root"
        self.identity = Side(bundle.identity, action)
        self.boundary = None if bundle.boundary is None else Side(bundle.boundary, action)
        self.session = Side(bundle.session, action) if bundle.session else None
        levels = [Side(level, action) for level in bundle.organization]
        self.levels = [level for level in levels if level.everything is None]
        self.silent = not any(side.denies for side in (self.identity, self.boundary, self.session, *levels) if side)
        """Nothing in these policies denies anything."""
        self.needs_voice = action.startswith(_CLOSED_WITHOUT_POLICY)
        limits = [side for side in (self.boundary, self.session) if side is not None]
        self.anything: Decision | None = None
        """Allowed whatever the resource and the request, as far as these policies go."""
        if not self.levels and all(limit.everything is not None for limit in limits):
            if self.is_root:
                self.anything = Decision(True, ROOT)
            elif self.identity.everything is not None:
                name, statement = self.identity.everything
                self.anything = Decision(True, IDENTITY, False, name, statement.index, statement.sid)

    def denied(self, resource: str, keys: Keys) -> Decision | None:
        """An explicit deny of one of these policies."""
        for level in self.levels:
            found = level.denied(ORGANIZATION, resource, keys)
            if found:
                return found
        if self.identity.denies:
            found = self.identity.denied(IDENTITY, resource, keys)
            if found:
                return found
        if self.boundary is not None:
            found = self.boundary.denied(BOUNDARY, resource, keys)
            if found:
                return found
        return None if self.session is None else self.session.denied(SESSION, resource, keys)

    def limited(self, by: By, resource: str, keys: Keys) -> Decision | None:
        """An implicit deny by boundary or session policies, which a closer grant of the resource leaves out."""
        # Documented: a grant to a user's or session's own ARN, or to "*", is beyond boundary and session policies.
        if by >= By.ANYONE:
            return None
        if self.boundary is not None and not self.boundary.allowed(BOUNDARY, resource, keys):
            return Decision(False, BOUNDARY)
        if self.session is not None and not self.session.allowed(SESSION, resource, keys):
            return Decision(False, SESSION)
        return None

    def organization_forbids(self, resource: str, keys: Keys) -> bool:
        return any(level.allowed(ORGANIZATION, resource, keys) is None for level in self.levels)


class Voice:
    """What a resource's policy says about one action of one principal."""

    __slots__ = ("allows", "denies")

    def __init__(
        self, policy: Policy, principal: Principal, action: str, *, closed: bool = False, bounded: bool = False
    ) -> None:
        """closed: grants to the public don't count; bounded: the principal has a permissions boundary."""
        self.allows: list[tuple[By, Statement]] = []
        self.denies: list[Statement] = []
        for statement in policy.about(action.lower()):
            grantees = statement.grantees
            by = By.NOTHING if grantees is None else grantees.match(principal, bounded)
            if not by:
                continue
            if not statement.allow:
                self.denies.append(statement)
            elif not (closed and by == By.ANYONE and is_open(statement)):
                self.allows.append((by, statement))
        self.allows.sort(key=lambda one: -one[0])

    def denied(self, resource: str, keys: Keys) -> Decision | None:
        for statement in self.denies:
            if statement.holds(resource, keys):
                return Decision(False, RESOURCE, True, "", statement.index, statement.sid)
        return None

    def granted(self, resource: str, keys: Keys) -> tuple[By, Decision] | None:
        """The closest grant."""
        for by, statement in self.allows:
            if statement.holds(resource, keys):
                return by, Decision(True, RESOURCE, False, "", statement.index, statement.sid)
        return None


_FIXING_KEYS = frozenset(
    "aws:principalorgid aws:principalorgpaths aws:principalaccount aws:principalarn aws:sourcearn aws:sourcevpc "
    "aws:sourcevpce aws:sourceowner aws:sourceaccount aws:sourceip aws:userid aws:username aws:sourceorgid "
    "s3:x-amz-server-side-encryption-aws-kms-key-id s3:dataaccesspointarn s3:dataaccesspointaccount "
    "aws:principalserviceName aws:vpcsourceip".lower().split()
)


def is_open(statement: Statement) -> bool:
    """Whether a grant is public in S3's sense: to anyone, without a condition that fixes who or whence."""
    grantees = statement.grantees
    if not statement.allow or grantees is None or not (grantees.anyone or grantees.excluding):
        return False
    return not (statement.keys & _FIXING_KEYS)


def is_public(text: str) -> bool:
    """Whether a resource policy grants anything to the public (GetBucketPolicyStatus, BlockPublicPolicy)."""
    return any(is_open(statement) for statement in compiled(text).statements)


def decide(
    rights: Rights,
    voice: Voice | None,
    resource: str,
    keys: Keys,
    *,
    foreign: bool = False,
    acl: bool = False,
) -> Decision:
    """Whether the call is allowed. foreign: the resource is another account's; acl: its ACL grants the call."""
    if voice is not None and voice.denies:
        found = voice.denied(resource, keys)
        if found:
            return found
    if rights.anything is not None and not foreign and not rights.needs_voice:
        return rights.anything
    if not rights.silent:
        found = rights.denied(resource, keys)
        if found:
            return found
    if rights.levels and rights.organization_forbids(resource, keys):
        return Decision(False, ORGANIZATION)
    granted = voice.granted(resource, keys) if voice is not None else None
    if granted is None and acl:
        granted = (By.ITSELF if not foreign and rights.kind == "anonymous" else By.ACCOUNT), _BY_ACL
    if rights.kind in ("anonymous", "service"):
        return granted[1] if granted is not None else Decision(False, RESOURCE)
    if granted is None and (foreign or (rights.needs_voice and voice is not None)):
        own = _own(rights, resource, keys, By.ACCOUNT)
        return own if not own.allowed else Decision(False, RESOURCE)
    by = By.NOTHING if granted is None else granted[0]
    if by > By.ACCOUNT and not foreign and granted is not None:
        return rights.limited(by, resource, keys) or granted[1]
    return _own(rights, resource, keys, by)


_BY_ACL = Decision(True, ACL)


def _own(rights: Rights, resource: str, keys: Keys, by: By) -> Decision:
    """What the principal's own policies decide; root's account needs none."""
    if rights.is_root:
        # A session of root may have been limited: by AssumeRoot's task, or for want of MFA.
        return rights.limited(By.ACCOUNT, resource, keys) or Decision(True, ROOT)
    found = rights.identity.allowed(IDENTITY, resource, keys)
    if found is None:
        return Decision(False, IDENTITY)
    return rights.limited(By.ACCOUNT, resource, keys) or found


def evaluate(
    principal: Principal,
    action: str,
    resource: str,
    keys: Keys,
    policies: Policies,
    *,
    resource_policy: str | None = None,
    owner: str | None = None,
    acl: bool = False,
    closed: bool = False,
) -> Decision:
    """One question, purely: may `principal` do `action` ("s3:GetObject") to `resource` with these keys and policies?

    owner: the account of the resource, when not the principal's own.
    """
    rights = Bundle(principal, policies).rights(action)
    foreign = owner is not None and owner != principal.account
    voice = None
    if resource_policy is not None:
        shut = closed and (foreign or principal.kind == "anonymous")
        bounded = policies.boundary is not None
        voice = Voice(compiled(resource_policy), principal, action, closed=shut, bounded=bounded)
    return decide(rights, voice, resource, keys, foreign=foreign, acl=acl)
