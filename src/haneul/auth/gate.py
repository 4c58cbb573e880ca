"""The gate every call passes: may this principal do this to that, by its own policies and by the resource's word?

What a principal's policies say about an action is sorted out once and kept until IAM changes (`Directory.version`);
a decision then looks at the few statements left, so nothing about the request needs to be a cache key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from haneul.auth import actions, denials
from haneul.auth.context import CallKeys
from haneul.auth.decision import SERVICE, Bundle, Decision, Rights, Voice, decide
from haneul.auth.policy import compiled
from haneul.auth.principals import Directory, Policies, Principal
from haneul.auth.resources import resource_of

if TYPE_CHECKING:
    from haneul.service import Call, Conditions, Guard, Operation

Guarding = Callable[["Call", Mapping[str, Any]], "Guard | None"]
MAX_PRINCIPALS = 4096
MAX_VOICES = 256
_OWNERS_OWN = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
"""What root of a bucket's account may always do, lest it lock itself out."""
_ALLOWED = Decision(True, SERVICE)


class Known:
    """What has been sorted out about one principal at one version of IAM."""

    __slots__ = ("bundle", "principal", "rights", "version", "voices")

    def __init__(self, principal: Principal, version: int, bundle: Bundle | None) -> None:
        self.principal = principal
        self.version = version
        self.bundle = bundle
        self.rights: dict[str, Rights] = {}
        self.voices: dict[tuple[str, str, bool], Voice] = {}


class Gate:
    """Decides calls. enforced: identity policies are evaluated; otherwise every signed caller acts as its account's
    root, and only what resources say of themselves holds."""

    def __init__(self, directory: Directory, enforced: bool) -> None:
        self._directory = directory
        self._enforced = enforced
        self._known: dict[object, Known] = {}
        self._root = Bundle(Principal(account="", arn="", kind="root"), Policies()).rights("*")

    def authorise(
        self,
        call: Call,
        operation: Operation,
        request: Mapping[str, Any],
        guard: Guarding | None,
        action_prefix: str,
    ) -> None:
        """Return, or raise AwsError: access denied in the service's own words."""
        if operation.anonymous:
            return
        principal = call.principal
        said = guard(call, request) if guard is not None else None
        if said is None:
            if principal.kind == "anonymous":
                raise denials.unsigned(call)
            if not self._enforced:
                return
        else:
            call.resource_account = said.owner
            if not self._enforced and said.policy is None and said.owner == principal.account:
                return
        needed = actions.needed(call, operation, request, action_prefix)
        if not needed:
            return
        resources = resource_of(operation.resource, call, request)
        keys = CallKeys(call, request, operation.conditions, None if said is None else said.owner)
        if type(needed) is str and type(resources) is str:
            self._require(call, needed, resources, said, keys)
        else:
            for action in [needed] if isinstance(needed, str) else needed:
                for resource in [resources] if isinstance(resources, str) else resources:
                    self._require(call, action, resource, said, keys)

    def check(
        self,
        call: Call,
        action: str,
        resource: str,
        said: Guard | None = None,
        request: Mapping[str, Any] | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        """A further right that an operation needs besides its own (CopyObject's source). Raises AwsError."""
        if call.principal.kind == "anonymous" and said is None:
            raise denials.unsigned(call)
        self._require(call, action, resource, said, CallKeys(call, request or {}, conditions, said and said.owner))

    def allows(
        self,
        call: Call,
        action: str,
        resource: str,
        said: Guard | None = None,
        request: Mapping[str, Any] | None = None,
        conditions: Conditions | None = None,
    ) -> bool:
        """Like `check`, as an answer (DeleteObjects decides key by key)."""
        keys = CallKeys(call, request or {}, conditions, said and said.owner)
        return self._decide(call.principal, action, resource, said, keys).allowed

    def _require(self, call: Call, action: str, resource: str, said: Guard | None, keys: CallKeys) -> None:
        decision = self._decide(call.principal, action, resource, said, keys)
        if not decision.allowed:
            raise denials.denied(call, action, resource, decision, said)

    def _decide(self, principal: Principal, action: str, resource: str, said: Guard | None, keys: CallKeys) -> Decision:
        kind = principal.kind
        known = self._of(principal)
        if kind == "service":
            # A service acts within its service-linked role; a resource may still deny it by name.
            if said is None or said.policy is None:
                return _ALLOWED
            return self._voice(known, said.policy, action, False).denied(resource, keys) or _ALLOWED
        if said is not None and action in _OWNERS_OWN and kind == "root" and said.owner == principal.account:
            return _ALLOWED
        rights = known.rights.get(action)
        if rights is None:
            rights = self._sort_out(known, action)
        if said is None:
            if rights.anything is not None and not rights.needs_voice:
                return rights.anything
            return decide(rights, None, resource, keys)
        foreign = said.owner != principal.account
        voice = None
        if said.policy is not None:
            voice = self._voice(known, said.policy, action, said.closed and (foreign or kind == "anonymous"))
        return decide(rights, voice, resource, keys, foreign=foreign, acl=said.acl)

    def _of(self, principal: Principal) -> Known:
        # The directory hands out the same object as long as nothing changes, so its identity will do; principals
        # that nobody keeps are known by name. What is known holds its principal, so an id can't be used again.
        named = principal.kind in ("service", "anonymous")
        key: object = (principal.arn, principal.account) if named else id(principal)
        known = self._known.get(key)
        version = self._directory.version
        if known is None or known.version != version or (not named and known.principal is not principal):
            if len(self._known) >= MAX_PRINCIPALS:
                self._known.clear()
            bundle = None
            if self._enforced or named:
                bundle = Bundle(principal, self._directory.policies(principal))
            known = self._known[key] = Known(principal, version, bundle)
        return known

    def _sort_out(self, known: Known, action: str) -> Rights:
        rights = self._root if known.bundle is None else known.bundle.rights(action)
        known.rights[action] = rights
        return rights

    def _voice(self, known: Known, policy: str, action: str, closed: bool) -> Voice:
        key = (policy, action, closed)
        voice = known.voices.get(key)
        if voice is None:
            if len(known.voices) >= MAX_VOICES:
                known.voices.clear()
            bounded = known.bundle is not None and known.bundle.boundary is not None
            voice = Voice(compiled(policy), known.principal, action, closed=closed, bounded=bounded)
            known.voices[key] = voice
        return voice
