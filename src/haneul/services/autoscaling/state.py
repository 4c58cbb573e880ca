"""Rows of EC2 Auto Scaling."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table


class Configuration(msgspec.Struct, kw_only=True):
    """A launch configuration; `settings` are the members of its creation, by AWS's names."""

    name: str
    id: str
    created: float
    settings: dict[str, Any]


class Tag(msgspec.Struct):
    value: str
    propagate: bool


class Group(msgspec.Struct, kw_only=True):
    """settings: members by AWS's names. subnets: zone -> subnets of it, when the group names subnets. causes: what
    changed its capacity since the last activity, in AWS's sentences. status: "" or "Delete in progress"."""

    name: str
    id: str
    created: float
    minimum: int
    maximum: int
    desired: int
    settings: dict[str, Any]
    zones: list[str]
    subnets: dict[str, list[str]] = {}
    zone_ids: dict[str, str] = {}
    tags: dict[str, Tag] = {}
    suspended: dict[str, str] = {}
    """Process -> why."""
    metrics: list[str] = []
    """Metrics that are collected."""
    warm: dict[str, Any] | None = None
    """The warm pool's configuration."""
    causes: list[str] = []
    status: str = ""
    forced: bool = False
    cooled: float = 0.0
    """When its cooldown ends."""
    rest: int | None = None
    """Seconds of cooldown after what is under way, when a policy has its own."""
    paused: float = 0.0
    """No launch before: the last ones failed."""
    failures: int = 0


class Action(msgspec.Struct, kw_only=True):
    """A lifecycle action under way: the instance waits for its end."""

    token: str
    deadline: float
    final: float
    """No heartbeat carries it further than this."""
    timeout: int
    default: str
    result: str = ""


class Member(msgspec.Struct, kw_only=True):
    """An instance of a group, from the decision to launch it. id: the launch's client token; sorts by age."""

    group: str
    id: str
    state: str
    zone: str
    created: float
    subnet: str = ""
    instance: str = ""
    type: str = ""
    image: str = ""
    configuration: str = ""
    template: dict[str, str] = {}
    """LaunchTemplateSpecification with the version's number."""
    weight: int = 1
    weighted: bool = False
    spot: bool = False
    health: str = "Healthy"
    illness: str = ""
    """What says that it is unhealthy: the end of AWS's sentence."""
    protected: bool = False
    launch: dict[str, Any] = {}
    """The RunInstances request, until it was answered: a repetition must be the same."""
    others: list[tuple[str, int]] = []
    """Types and weights to try when there is no capacity of this one."""
    entered: float = 0.0
    """When it came into its state."""
    served: float = 0.0
    """When it came into service last."""
    activity: str = ""
    """The order of the activity under way."""
    actions: dict[str, Action] = {}
    extra: bool = False
    """Launched before the one that it replaces goes: it counts once it is in service."""
    leaving: str = ""
    """Why another instance is to take its place."""
    warm: bool = False
    starting: bool = False
    """It was stopped in the warm pool and is to be started."""
    reused: bool = False
    """On its way back to the warm pool instead of its end."""
    hooked: bool = False
    """The hooks of the transition under way have had their turn."""
    tries: int = 0


class Activity(msgspec.Struct, kw_only=True):
    """A scaling activity. order: sorts by time."""

    group: str
    order: str
    id: str
    arn: str
    description: str
    cause: str
    started: float
    ended: float = 0.0
    status: str = "InProgress"
    message: str = ""
    progress: int = 0
    details: dict[str, Any] = {}


class Hook(msgspec.Struct, kw_only=True):
    group: str
    name: str
    transition: str
    timeout: int = 3600
    default: str = "ABANDON"
    role: str = ""
    target: str = ""
    metadata: str = ""


class Policy(msgspec.Struct, kw_only=True):
    """A scaling policy; `settings` are the members of its put. making: its alarms are still to be made."""

    group: str
    name: str
    id: str
    kind: str
    settings: dict[str, Any]
    enabled: bool = True
    making: bool = False


class Scheduled(msgspec.Struct, kw_only=True):
    """A scheduled action."""

    group: str
    name: str
    id: str
    start: float | None = None
    end: float | None = None
    recurrence: str = ""
    zone: str = ""
    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None
    due: float | None = None


class Subscription(msgspec.Struct, kw_only=True):
    """A notification configuration: a topic that hears of a group."""

    group: str
    topic: str
    types: list[str]


class Refresh(msgspec.Struct, kw_only=True):
    """An instance refresh. desired: the configuration to come to, if it isn't the group's. old: ids of the members that
    are to be replaced. rollback: RollbackDetails, once it goes back."""

    group: str
    order: str
    id: str
    status: str
    started: float
    preferences: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    """The preferences as they were given."""
    desired: dict[str, Any] = {}
    reason: str = ""
    ended: float = 0.0
    total: int = 0
    left: int = 0
    percentage: int = 0
    old: list[str] = []
    passed: int = 0
    """Checkpoints that were reached."""
    resting: float = 0.0
    """Until when it rests at a checkpoint, or bakes."""
    moved: float = 0.0
    """When something happened last."""
    rollback: dict[str, Any] = {}
    patient: bool = True
    """A cancelled one waits for instances that are on their way."""


class Past(msgspec.Struct, kw_only=True):
    """A group that was deleted: its activities are told for six weeks."""

    id: str
    group: str
    arn: str


class Launch(msgspec.Struct, kw_only=True):
    """What came of a LaunchInstances with this token."""

    token: str
    digest: str
    answer: dict[str, Any]
    at: float


CONFIGURATIONS = Table("autoscaling.configuration", Configuration, key=("name",))
GROUPS = Table("autoscaling.group", Group, key=("name",))
MEMBERS = Table("autoscaling.member", Member, key=("group", "id"))
ACTIVITIES = Table("autoscaling.activity", Activity, key=("group", "order"))
HOOKS = Table("autoscaling.hook", Hook, key=("group", "name"))
POLICIES = Table("autoscaling.policy", Policy, key=("group", "name"))
SCHEDULED = Table("autoscaling.scheduled", Scheduled, key=("group", "name"))
SUBSCRIPTIONS = Table("autoscaling.subscription", Subscription, key=("group", "topic"))
REFRESHES = Table("autoscaling.refresh", Refresh, key=("group", "order"))
PASTS = Table("autoscaling.past", Past, key=("id",))
LAUNCHES = Table("autoscaling.launch", Launch, key=("token",))
