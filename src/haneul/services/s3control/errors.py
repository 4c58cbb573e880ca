"""S3 Control's errors. Its model names few, so the statuses of the others are listed here."""

from __future__ import annotations

from haneul.wire.errors import Errors

errors = Errors(
    "s3control",
    AccessDenied=403,
    AccessGrantAlreadyExists=409,
    AccessGrantsInstanceAlreadyExists=409,
    AccessGrantsInstanceNotEmptyError=400,
    AccessGrantsInstanceNotExistsError=404,
    AccessGrantsInstanceResourcePolicyNotExists=404,
    AccessGrantsLocationAlreadyExistsError=409,
    AccessGrantsLocationNotEmptyError=400,
    AccessGrantsLocationsQuotaExceededError=409,
    AccessGrantsQuotaExceededError=409,
    AccessPointAlreadyOwnedByYou=409,
    ConfigurationAlreadyExists=409,
    DefaultConfigurationDeleteForbidden=403,
    InvalidAccessGrant=400,
    InvalidAccessGrantsLocation=400,
    InvalidAccessPoint=400,
    InvalidArgument=400,
    InvalidIamRole=400,
    InvalidIdentityCenterInstance=400,
    InvalidRequest=400,
    InvalidResourcePolicy=400,
    InvalidTag=400,
    MalformedPolicy=400,
    MalformedXML=400,
    NoSuchAccessGrantError=404,
    NoSuchAccessGrantsLocationError=404,
    NoSuchAccessPoint=404,
    NoSuchAccessPointPolicy=404,
    NoSuchConfiguration=404,
    NoSuchJob=404,
    NoSuchResource=404,
    NotImplemented=501,
    PolicyTooLarge=400,
    TooManyAccessPoints=400,
    TooManyTags=400,
)
