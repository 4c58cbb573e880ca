"""Rows of SNS: topics, subscriptions, deliveries under way, platform applications and phones."""

from __future__ import annotations

import msgspec

from haneul.state.table import Table


class Topic(msgspec.Struct, kw_only=True):
    """A topic; `attributes` are those that were set."""

    name: str
    created: float
    fifo: bool = False
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}
    protection: str = ""
    sequence: int = 0


class Subscription(msgspec.Struct, kw_only=True):
    """Somebody who wants a topic's messages. `confirmed` False: it waits for its token."""

    topic: str
    id: str
    protocol: str
    endpoint: str
    owner: str
    attributes: dict[str, str] = {}
    confirmed: bool = True
    token: str = ""
    authenticated: bool = True
    created: float = 0.0


class Delivery(msgspec.Struct, kw_only=True):
    """A message on its way to one subscriber, until it was taken or given up. The message itself lies beside."""

    message: str
    subscription: str
    topic: str
    tries: int = 0


class Application(msgspec.Struct, kw_only=True):
    """A push platform's application. Its messages go nowhere from here."""

    platform: str
    name: str
    attributes: dict[str, str] = {}


class Endpoint(msgspec.Struct, kw_only=True):
    """A device of an application; `application` is "platform/name"."""

    application: str
    id: str
    attributes: dict[str, str] = {}


class Phone(msgspec.Struct, kw_only=True):
    """A phone number of the sandbox, or one that opted out."""

    number: str
    status: str = "Pending"
    opted_out: bool = False


class Settings(msgspec.Struct, kw_only=True):
    """The account's SMS attributes."""

    name: str = "sms"
    attributes: dict[str, str] = {}


class Duplicate(msgspec.Struct, kw_only=True):
    """A deduplication id of a FIFO topic in use."""

    topic: str
    key: str
    message: str
    sequence: str
    until: float


class Signing(msgspec.Struct, kw_only=True):
    """The key that signs messages (sealed) and its certificate."""

    name: str
    private: bytes
    certificate: str


TOPICS = Table("sns.topic", Topic, key=("name",))
SUBSCRIPTIONS = Table("sns.subscription", Subscription, key=("topic", "id"))
DELIVERIES = Table("sns.delivery", Delivery, key=("message", "subscription"))
APPLICATIONS = Table("sns.application", Application, key=("platform", "name"))
ENDPOINTS = Table("sns.endpoint", Endpoint, key=("application", "id"))
PHONES = Table("sns.phone", Phone, key=("number",))
SETTINGS = Table("sns.settings", Settings, key=("name",))
DUPLICATES = Table("sns.duplicate", Duplicate, key=("topic", "key"))
SIGNING = Table("sns.signing", Signing, key=("name",))
