"""Allowed AMIs: which images of others an account sees and launches. Its own are always allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2.account import settings
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.filters import pattern
from haneul.services.ec2.instances import image_builtin
from haneul.services.ec2.instances.state import Image
from haneul.services.ec2.operations import operation
from haneul.state.store import Reader

SETTING = "allowed-images"
CRITERIA, LISTED = 10, 200
"""Criteria of an account, and providers of one, at most."""
DISABLED = "disabled"
_ALIASES = ("amazon", "aws-marketplace", "aws-backup-vault", "none")
_UNKNOWN = ("MarketplaceProductCodes", "ImageWatermarks", "ScanResultCondition")
"""Conditions on what no image here has."""
_DAY = 86400.0

Request = Mapping[str, Any]


class Rules:
    """An account's setting, as it is now."""

    def __init__(self, tx: Reader, call: Call) -> None:
        found = settings.of(tx, call.scope, SETTING) or {}
        self.state: str = found.get("state", DISABLED)
        self.criteria: Sequence[Request] = found.get("criteria", [])
        self._account, self._now = call.account, call.now()

    def allow(self, scope: Scope, row: Image) -> bool:
        """Whether an image of an account meets one of the criteria."""
        if self.state == DISABLED or scope.account == self._account:
            return True
        return any(self._meets(one, scope, row) for one in self.criteria)

    def hide(self, scope: Scope, row: Image) -> bool:
        """Whether the account must not see or launch an image."""
        return self.state == "enabled" and not self.allow(scope, row)

    def _meets(self, wanted: Request, scope: Scope, row: Image) -> bool:
        owner = "amazon" if scope.account == image_builtin.OWNER else scope.account
        providers, names = wanted.get("ImageProviders"), wanted.get("ImageNames")
        age = (wanted.get("CreationDateCondition") or {}).get("MaximumDaysSinceCreated")
        since = (wanted.get("DeprecationTimeCondition") or {}).get("MaximumDaysSinceDeprecated")
        deprecated = (self._now - row.options.get("DeprecatedAt", self._now)) / _DAY
        return (
            (not providers or owner in providers)
            and (not names or any(pattern(name).fullmatch(row.name) for name in names))
            and (age is None or (self._now - row.created) / _DAY <= age)
            and (since is None or deprecated <= since)
        )


@operation()
def get_allowed_images_settings(call: Call, request: Request) -> dict[str, Any]:
    """GetAllowedImagesSettings."""
    with call.read() as tx:
        rules = Rules(tx, call)
    return {"State": rules.state, "ImageCriteria": list(rules.criteria), "ManagedBy": "account"}


@operation()
def enable_allowed_images_settings(call: Call, request: Request) -> dict[str, Any]:
    """EnableAllowedImagesSettings: enabled hides what isn't allowed, audit-mode only tells it."""
    state = request["AllowedImagesSettingsState"]
    if state not in ("enabled", "audit-mode"):
        raise invalid(f"Invalid value '{state}' for AllowedImagesSettingsState.")
    _keep(call, state=state)
    return {"AllowedImagesSettingsState": state}


@operation()
def disable_allowed_images_settings(call: Call, request: Request) -> dict[str, Any]:
    """DisableAllowedImagesSettings: the criteria stay, without effect."""
    _keep(call, state=DISABLED)
    return {"AllowedImagesSettingsState": DISABLED}


@operation()
def replace_image_criteria_in_allowed_images_settings(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceImageCriteriaInAllowedImagesSettings. Raises InvalidParameterValue."""
    criteria = [dict(one) for one in request.get("ImageCriteria") or ()]
    if len(criteria) > CRITERIA:
        raise invalid(f"There may be at most {CRITERIA} image criteria.")
    for one in criteria:
        _check(one)
    _keep(call, criteria=criteria)
    return {"ReturnValue": True}


def _check(wanted: Request) -> None:
    for name in _UNKNOWN:
        if wanted.get(name):
            raise errors.UnsupportedOperation(f"Criteria by {name} are not supported here.")
    providers = wanted.get("ImageProviders") or ()
    if len(providers) > LISTED:
        raise invalid(f"There may be at most {LISTED} image providers in a criterion.")
    for one in providers:
        if one not in _ALIASES and not (len(one) == 12 and one.isdigit()):
            raise invalid(f"Invalid value '{one}' for ImageProvider.")
    if "none" in providers and len(providers) > 1:
        raise invalid("The image provider 'none' stands alone.")


def _keep(call: Call, **changed: Any) -> None:
    with call.read() as tx:
        before = settings.of(tx, call.scope, SETTING) or {}
    settings.keep(call, SETTING, {**before, **changed})
