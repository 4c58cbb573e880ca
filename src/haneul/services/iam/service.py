"""IAM's identity card."""

from haneul.service import Service

SERVICE = Service(
    model="iam",
    package="haneul.services.iam",
    modules=(
        "users",
        "groups",
        "roles",
        "policies",
        "attachments",
        "inline",
        "tags",
        "access_keys",
        "passwords",
        "mfa",
        "instance_profiles",
        "oidc_providers",
        "saml_providers",
        "server_certificates",
        "signing_certificates",
        "ssh_public_keys",
        "service_credentials",
        "service_linked_roles",
        "account",
        "authorization_details",
        "credential_report",
        "last_accessed",
        "organization_access",
        "simulation",
        "outbound_federation",
    ),
    is_global=True,
)
