"""Cross-origin resource sharing: a bucket's rules, the preflights they answer and the headers they add.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import points
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import Bucket, find_bucket
from haneul.wire.message import Request, Response

MAX_RULES = 100
_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
Headers = list[tuple[str, str]]


@operation(resource=bucket_arn, action="s3:PutBucketCORS")
def put_bucket_cors(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketCors. Raises MalformedXML, InvalidRequest."""
    rules = (request.get("CORSConfiguration") or {}).get("CORSRules") or []
    if not 1 <= len(rules) <= MAX_RULES:
        raise malformed_xml()
    for rule in rules:
        _check(rule)
    change_setting(call, request, "cors", rules)


@operation(resource=bucket_arn, action="s3:GetBucketCORS")
def get_bucket_cors(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketCors. Raises NoSuchCORSConfiguration."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    rules = bucket.settings.get("cors")
    if rules is None:
        raise errors.NoSuchCORSConfiguration("The CORS configuration does not exist", BucketName=bucket.name)
    return {"CORSRules": rules}


@operation(resource=bucket_arn, action="s3:PutBucketCORS")
def delete_bucket_cors(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketCors. Deleting none is no error."""
    change_setting(call, request, "cors", None)


def headers_for(call: Call, request: Request, labels: Mapping[str, str]) -> Headers | None:
    """What a request with an Origin is told beside its answer; None when no rule of its bucket fits."""
    hosted = labels.get("Bucket") or host_of(request)
    if request.method == "OPTIONS" and (hosted or request.path != "/"):
        return []  # `preflight` tells it all, once
    bucket = _bucket(call, hosted)  # a website may be called by its bucket's name
    if bucket is None or not bucket.settings.get("cors"):
        return None
    rule = _matching(bucket, request.headers["origin"], request.method, None)
    return None if rule is None else _told(rule, request.headers["origin"])


def preflight(call: Call, request: Request, name: str) -> Response | None:
    """The answer to OPTIONS on a bucket or object; None when there is no such bucket. Raises AccessForbidden."""
    bucket = _bucket(call, name)
    if bucket is None:
        return None
    origin = request.headers.get("origin")
    method = request.headers.get("access-control-request-method")
    if origin is None or method is None:
        raise errors.BadRequest("Insufficient information. Origin request header needed.")
    if method not in _METHODS:
        raise errors.BadRequest(f"Invalid Access-Control-Request-Method: {method}")
    if not bucket.settings.get("cors"):
        raise _forbidden("CORSResponse: CORS is not enabled for this bucket.", method)
    wanted = [
        h.strip().lower() for h in request.headers.get("access-control-request-headers", "").split(",") if h.strip()
    ]
    rule = _matching(bucket, origin, method, wanted)
    if rule is None:
        raise _forbidden(
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
            "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
            "resource's CORS spec.",
            method,
        )
    headers = _told(rule, origin)
    if wanted:
        headers.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
    if "MaxAgeSeconds" in rule:
        headers.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    return Response(200, headers)


def host_of(request: Request) -> str:
    """The host's name, without its port."""
    host = request.headers.get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _bucket(call: Call, name: str | None) -> Bucket | None:
    if not name:
        return None
    with call.read() as tx:
        point = points.find(call, tx, name) if points.may_name(name) and not name.startswith("arn:") else None
        return find_bucket(tx, name) if point is None else points.bucket_of(tx, point)


def _check(rule: Mapping[str, Any]) -> None:
    if not rule.get("AllowedMethods") or not rule.get("AllowedOrigins"):
        raise malformed_xml()
    for method in rule["AllowedMethods"]:
        if method not in _METHODS:
            raise errors.InvalidRequest(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for origin in rule["AllowedOrigins"]:
        if origin.count("*") > 1:
            raise errors.InvalidRequest(f'AllowedOrigin "{origin}" can not have more than one wildcard.')
    for header in rule.get("AllowedHeaders", ()):
        if header.count("*") > 1:
            raise errors.InvalidRequest(f'AllowedHeader "{header}" can not have more than one wildcard.')
    for header in rule.get("ExposeHeaders", ()):
        if "*" in header:
            raise errors.InvalidRequest(
                f'ExposeHeader "{header}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )


def _matching(bucket: Bucket, origin: str, method: str, wanted: list[str] | None) -> Mapping[str, Any] | None:
    """The first rule that allows this origin, method and (in a preflight) all these headers."""
    for rule in bucket.settings["cors"]:
        if (
            method in rule["AllowedMethods"]
            and any(_fits(pattern, origin) for pattern in rule["AllowedOrigins"])
            and all(
                any(_fits(pattern.lower(), header) for pattern in rule.get("AllowedHeaders", ()))
                for header in wanted or ()
            )
        ):
            found: Mapping[str, Any] = rule
            return found
    return None


def _fits(pattern: str, text: str) -> bool:
    """Whether `text` fits a pattern with at most one `*`."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


def _told(rule: Mapping[str, Any], origin: str) -> Headers:
    everybody = "*" in rule["AllowedOrigins"]
    headers = [("Access-Control-Allow-Origin", "*" if everybody else origin)]
    if not everybody:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    headers.append(("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])))
    if rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    headers.append(("Vary", _VARY))
    return headers


def _forbidden(message: str, method: str) -> Exception:
    return errors.AccessForbidden(message, Method=method, ResourceType="BUCKET")
