"""S3 Control's errors. Its model names few, so the statuses of the others are listed here."""

from __future__ import annotations

from haneul.wire.errors import Errors

errors = Errors(
    "s3control",
    AccessDenied=403,
    AccessPointAlreadyOwnedByYou=409,
    InvalidAccessPoint=400,
    InvalidArgument=400,
    InvalidBucketName=400,
    InvalidRequest=400,
    InvalidTag=400,
    InvalidToken=400,
    MalformedPolicy=400,
    MalformedXML=400,
    NoSuchAccessPoint=404,
    NoSuchAccessPointPolicy=404,
    NoSuchBucket=404,
    NoSuchJob=404,
    NoSuchResource=404,
    NotImplemented=501,
    PolicyTooLarge=400,
    TooManyAccessPoints=400,
)
