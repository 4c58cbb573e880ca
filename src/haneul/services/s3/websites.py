"""A bucket's website configuration: what it serves as index and error pages, and where it sends visitors instead.

website_pages.py serves it. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, invalid_argument, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.wire.errors import AwsError

MAX_RULES = 50
_PROTOCOLS = ("http", "https")


@operation(resource=bucket_arn)
def put_bucket_website(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketWebsite. Raises InvalidArgument, InvalidRequest, MalformedXML."""
    configuration = request.get("WebsiteConfiguration") or {}
    _check(configuration)
    change_setting(call, request, "website", dict(configuration))


@operation(resource=bucket_arn)
def get_bucket_website(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketWebsite. Raises NoSuchWebsiteConfiguration."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    found: dict[str, Any] | None = bucket.settings.get("website")
    if found is None:
        raise no_website(bucket.name)
    return found


@operation(resource=bucket_arn)
def delete_bucket_website(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketWebsite. Deleting none is no error."""
    change_setting(call, request, "website", None)


def no_website(bucket: str) -> AwsError:
    return errors.NoSuchWebsiteConfiguration(
        "The specified bucket does not have a website configuration", BucketName=bucket
    )


def _check(configuration: Mapping[str, Any]) -> None:
    everything = configuration.get("RedirectAllRequestsTo")
    if everything is not None:
        if len(configuration) > 1:
            raise errors.InvalidRequest(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            )
        if not everything.get("HostName"):
            raise malformed_xml()
        _check_protocol(everything)
        return
    suffix = (configuration.get("IndexDocument") or {}).get("Suffix")
    if suffix is None:
        raise invalid_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty", "IndexDocument", ""
        )
    if not suffix or "/" in suffix:
        raise invalid_argument("The IndexDocument Suffix is not well formed", "IndexDocument", suffix)
    if "ErrorDocument" in configuration and not (configuration["ErrorDocument"] or {}).get("Key"):
        raise malformed_xml()
    rules = configuration.get("RoutingRules")
    if rules is None:
        return
    if not rules:
        raise malformed_xml()
    if len(rules) > MAX_RULES:
        raise errors.InvalidRequest(
            f"{len(rules)} routing rules provided, the number of routing rules in a website configuration is limited "
            f"to {MAX_RULES}."
        )
    for rule in rules:
        _check_condition(rule)
        _check_redirect(rule.get("Redirect") or {})


def _check_condition(rule: Mapping[str, Any]) -> None:
    if "Condition" not in rule:
        return
    condition = rule["Condition"] or {}
    code = condition.get("HttpErrorCodeReturnedEquals")
    if code is None and condition.get("KeyPrefixEquals") is None:
        raise errors.InvalidRequest(
            "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't "
            "be present."
        )
    if code is not None and not (code.isascii() and code.isdigit() and 400 <= int(code) <= 599):
        raise errors.InvalidRequest(f"The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX.")


def _check_redirect(redirect: Mapping[str, Any]) -> None:
    if not redirect:
        raise malformed_xml()
    code = redirect.get("HttpRedirectCode")
    if code is not None and not (code.isascii() and code.isdigit() and 301 <= int(code) <= 399):
        raise errors.InvalidRequest(
            f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
        )
    if redirect.get("ReplaceKeyPrefixWith") is not None and redirect.get("ReplaceKeyWith") is not None:
        raise errors.InvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
    _check_protocol(redirect)


def _check_protocol(redirect: Mapping[str, Any]) -> None:
    protocol = redirect.get("Protocol")
    if protocol is not None and protocol not in _PROTOCOLS:
        raise errors.InvalidRequest(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected "
            "automatically."
        )
