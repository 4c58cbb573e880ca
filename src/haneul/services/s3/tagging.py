"""Tags of buckets and objects."""

from __future__ import annotations

from urllib.parse import parse_qsl

from haneul.services.s3.errors import errors, invalid_argument


def from_header(header: str | None) -> dict[str, str] | None:
    """The tags of an x-amz-tagging header (a query string); None without one. Raises InvalidArgument or InvalidTag."""
    if not header:
        return None
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            "x-amz-tagging",
            header,
        ) from None
    if len(pairs) > 10:
        raise errors.BadRequest("Object tags cannot be greater than 10")
    return dict(pairs)
