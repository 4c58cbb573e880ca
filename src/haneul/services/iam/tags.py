"""Tags on everything that IAM lets carry them: one row each, changed and listed alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from haneul.auth import tables
from haneul.service import Call, operation
from haneul.services.iam import (
    entities,
    instance_profiles,
    mfa,
    oidc_providers,
    saml_providers,
    server_certificates,
    tagging,
)
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.pages import page
from haneul.services.iam.resources import (
    MFA,
    MFA_KEYS,
    OIDC,
    OIDC_KEYS,
    POLICY,
    POLICY_KEYS,
    PROFILE,
    PROFILE_KEYS,
    ROLE,
    ROLE_KEYS,
    SAML,
    SAML_KEYS,
    SERVER_CERTIFICATE,
    SERVER_CERTIFICATE_KEYS,
    USER,
    USER_KEYS,
)
from haneul.state.store import Reader
from haneul.state.table import Table

Find = Callable[[Reader, Call, str], Any]


@operation(resource=USER, conditions=USER_KEYS)
def tag_user(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.USERS, entities.user, request["UserName"])


@operation(resource=USER, conditions=USER_KEYS)
def list_user_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, entities.user, request["UserName"])


@operation(resource=USER, conditions=USER_KEYS)
def untag_user(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.USERS, entities.user, request["UserName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def tag_role(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.ROLES, entities.role, request["RoleName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def list_role_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, entities.role, request["RoleName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def untag_role(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.ROLES, entities.role, request["RoleName"])


@operation(resource=POLICY, conditions=POLICY_KEYS)
def tag_policy(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.POLICIES, entities.customer_policy, request["PolicyArn"])


@operation(resource=POLICY, conditions=POLICY_KEYS)
def list_policy_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, entities.customer_policy, request["PolicyArn"])


@operation(resource=POLICY, conditions=POLICY_KEYS)
def untag_policy(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.POLICIES, entities.customer_policy, request["PolicyArn"])


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def tag_instance_profile(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.INSTANCE_PROFILES, instance_profiles.find, request["InstanceProfileName"])


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def list_instance_profile_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, instance_profiles.find, request["InstanceProfileName"])


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def untag_instance_profile(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.INSTANCE_PROFILES, instance_profiles.find, request["InstanceProfileName"])


@operation(resource=MFA, conditions=MFA_KEYS)
def tag_mfa_device(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.MFA_DEVICES, mfa.find, request["SerialNumber"])


@operation(resource=MFA, conditions=MFA_KEYS)
def list_mfa_device_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, mfa.find, request["SerialNumber"])


@operation(resource=MFA, conditions=MFA_KEYS)
def untag_mfa_device(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.MFA_DEVICES, mfa.find, request["SerialNumber"])


@operation(resource=OIDC, conditions=OIDC_KEYS)
def tag_open_id_connect_provider(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.OIDC_PROVIDERS, oidc_providers.find, request["OpenIDConnectProviderArn"])


@operation(resource=OIDC, conditions=OIDC_KEYS)
def list_open_id_connect_provider_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, oidc_providers.find, request["OpenIDConnectProviderArn"])


@operation(resource=OIDC, conditions=OIDC_KEYS)
def untag_open_id_connect_provider(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.OIDC_PROVIDERS, oidc_providers.find, request["OpenIDConnectProviderArn"])


@operation(resource=SAML, conditions=SAML_KEYS)
def tag_saml_provider(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.SAML_PROVIDERS, saml_providers.find, request["SAMLProviderArn"])


@operation(resource=SAML, conditions=SAML_KEYS)
def list_saml_provider_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, saml_providers.find, request["SAMLProviderArn"])


@operation(resource=SAML, conditions=SAML_KEYS)
def untag_saml_provider(call: Call, request: Request) -> Answer:
    return _untag(call, request, tables.SAML_PROVIDERS, saml_providers.find, request["SAMLProviderArn"])


@operation(resource=SERVER_CERTIFICATE, conditions=SERVER_CERTIFICATE_KEYS)
def tag_server_certificate(call: Call, request: Request) -> Answer:
    return _tag(call, request, tables.SERVER_CERTIFICATES, server_certificates.find, request["ServerCertificateName"])


@operation(resource=SERVER_CERTIFICATE, conditions=SERVER_CERTIFICATE_KEYS)
def list_server_certificate_tags(call: Call, request: Request) -> Answer:
    return _list(call, request, server_certificates.find, request["ServerCertificateName"])


@operation(resource=SERVER_CERTIFICATE, conditions=SERVER_CERTIFICATE_KEYS)
def untag_server_certificate(call: Call, request: Request) -> Answer:
    name = request["ServerCertificateName"]
    return _untag(call, request, tables.SERVER_CERTIFICATES, server_certificates.find, name)


def _tag(call: Call, request: Request, table: Table[Any], find: Find, name: str) -> Answer:
    tags = tagging.parse(request["Tags"])
    with change(call) as tx:
        row = find(tx, call, name)
        row.tags = tagging.merge(row.tags, tags)
        table.put(tx, tables.scope(call.account), row)
    return {}


def _untag(call: Call, request: Request, table: Table[Any], find: Find, name: str) -> Answer:
    with change(call) as tx:
        row = find(tx, call, name)
        row.tags = tagging.without(row.tags, request["TagKeys"])
        table.put(tx, tables.scope(call.account), row)
    return {}


def _list(call: Call, request: Request, find: Find, name: str) -> Answer:
    with call.read() as tx:
        tags = sorted(find(tx, call, name).tags.items())
    return page(request, "Tags", tags, lambda tag: tag[0], lambda tag: {"Key": tag[0], "Value": tag[1]})
