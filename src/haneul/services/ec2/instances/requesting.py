"""What a launch may ask for: the checks of RunInstances' members that need nothing but the request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.instances.state import Image
from haneul.services.ec2.instances.types import InstanceType

USER_DATA = 16_384
"""Bytes of user data, before base64."""
LIMIT = 100
"""Instances of one request."""
_UNLIMITED = ("t3.", "t3a.", "t4g.")
"""Families whose CPU credits are unlimited unless told otherwise."""
_HOPS = (1, 64)

Request = Mapping[str, Any]


def check(request: Request) -> None:
    """Raises what AWS raises for requests that can't be meant."""
    _check_counts(request)
    if not request.get("ImageId"):
        raise errors.MissingParameter("The request must contain the parameter ImageId")
    _check_network(request)
    _check_unsupported(request)
    user_data(request.get("UserData"))
    if request.get("InstanceInitiatedShutdownBehavior") == "terminate" and spot(request).get("SpotInstanceType") == (
        "persistent"
    ):
        raise mixed("Persistent Spot Instances cannot be terminated by their own shutdown.")


def _check_counts(request: Request) -> None:
    least, most = request["MinCount"], request["MaxCount"]
    if least < 1:
        raise invalid("Minimum instance count must be greater than zero")
    if most < 1:
        raise invalid("Maximum instance count must be greater than zero")
    if least > most:
        raise invalid("Minimum instance count must not be greater than maximum instance count")
    if least > LIMIT:
        raise errors.InstanceLimitExceeded(
            f"You have requested more instances ({least}) than your current instance limit of {LIMIT} allows for the "
            "specified instance type. Please visit http://aws.amazon.com/contact-us/ec2-request to request an "
            "adjustment to this limit."
        )


def _check_network(request: Request) -> None:
    if request.get("NetworkInterfaces"):
        if request.get("SubnetId"):
            raise mixed("Network interfaces and an instance-level subnet ID may not be specified on the same request")
        if request.get("SecurityGroupIds") or request.get("SecurityGroups"):
            raise mixed(
                "Network interfaces and an instance-level security groups may not be specified on the same request"
            )
        if request.get("PrivateIpAddress"):
            raise mixed(
                "Network interfaces and an instance-level private address may not be specified on the same request"
            )
    if request.get("SubnetId") and request.get("SecurityGroups"):
        raise mixed("The parameter groupName cannot be used with the parameter subnet")
    if request.get("PrivateIpAddress") and request["MaxCount"] > 1:
        raise mixed("The parameter privateIpAddress cannot be used when launching more than one instance.")


def _check_unsupported(request: Request) -> None:
    """An honest no: what would need another machine, or hardware that nobody can be given here."""
    if (request.get("HibernationOptions") or {}).get("Configured"):
        raise errors.UnsupportedOperation("Hibernation is not supported by the machines here.")
    if (request.get("EnclaveOptions") or {}).get("Enabled"):
        raise errors.UnsupportedOperation("Nitro Enclaves are not supported by the machines here.")
    for name in ("ElasticGpuSpecification", "ElasticInferenceAccelerators", "SecondaryInterfaces"):
        if request.get(name):
            raise errors.UnsupportedOperation(f"{name} is not supported here.")
    if (request.get("Placement") or {}).get("HostResourceGroupArn"):
        raise errors.UnsupportedOperation("Host resource groups are not supported here.")
    market = (request.get("InstanceMarketOptions") or {}).get("MarketType")
    if market not in (None, "spot", "on-demand"):
        raise errors.UnsupportedOperation(f"The market type {market} is not supported here.")


def user_data(text: str | None) -> str:
    """The user data in base64, as it was given. Raises InvalidUserData.Malformed, InvalidParameterValue."""
    if not text:
        return ""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise coded("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if len(raw) > USER_DATA:
        raise invalid(f"User data is limited to {USER_DATA} bytes")
    return text


def spot(request: Request) -> Mapping[str, Any]:
    """SpotOptions of a request for the spot market; empty for others."""
    market = request.get("InstanceMarketOptions") or {}
    if market.get("MarketType") != "spot":
        return {}
    return market.get("SpotOptions") or {"SpotInstanceType": "one-time"}


def metadata_options(asked: Request | None, image: Image, settings: Request) -> dict[str, Any]:
    """MetadataOptions of a new instance: the request's over the account's (`settings`) over the image's."""
    strict = image.options.get("ImdsSupport") == "v2.0"
    options: dict[str, Any] = {
        "State": "applied",
        "HttpTokens": "required" if strict else "optional",
        "HttpPutResponseHopLimit": 2 if strict else 1,
        "HttpEndpoint": "enabled",
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "disabled",
    }
    for given in (settings, asked or {}):
        options |= {name: given[name] for name in options if given.get(name) not in (None, -1, "no-preference")}
    check_hops(options["HttpPutResponseHopLimit"])
    return options


def check_hops(limit: int) -> None:
    if not _HOPS[0] <= limit <= _HOPS[1]:
        raise invalid(
            f"Value ({limit}) for parameter HttpPutResponseHopLimit is invalid. "
            f"Expecting a value between {_HOPS[0]} and {_HOPS[1]}."
        )


def cpu_options(asked: Request | None, spec: InstanceType) -> dict[str, int]:
    """CoreCount and ThreadsPerCore: all that the type has, or fewer. Raises InvalidParameterValue."""
    cores = int((asked or {}).get("CoreCount") or spec.cores)
    threads = int((asked or {}).get("ThreadsPerCore") or spec.threads)
    if threads != spec.threads and not (threads == 1 and spec.valid_cores):
        raise invalid(f"The instance type '{spec.name}' does not support {threads} threads per core.")
    if cores != spec.cores and cores not in spec.valid_cores:
        able = ", ".join(str(one) for one in spec.valid_cores or (spec.cores,))
        raise invalid(f"The instance type '{spec.name}' does not support {cores} cores. Valid core counts are {able}.")
    return {"CoreCount": cores, "ThreadsPerCore": threads}


def credits_of(asked: Request | None, type: str, default: str = "") -> str:
    """ "standard", "unlimited", or "" for a type without CPU credits. default: the account's for the family.
    Raises InvalidParameterValue."""
    if not type.startswith(("t2.", *_UNLIMITED)):
        return ""
    if not asked:
        return default or ("unlimited" if type.startswith(_UNLIMITED) else "standard")
    wanted = str(asked["CpuCredits"])
    if wanted not in ("standard", "unlimited"):
        raise invalid(f"Invalid value '{wanted}' for CpuCredits. Valid values are 'standard' and 'unlimited'.")
    return wanted
