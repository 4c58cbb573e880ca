"""STS's errors; the last ones are answered by AWS though its model doesn't list them."""

from haneul.wire.errors import Errors

errors = Errors(
    "sts",
    ValidationError=400,
    InvalidParameterValue=400,
    AccessDenied=403,
    MalformedPolicyDocument=400,
    PackedPolicyTooLarge=400,
    InvalidIdentityToken=400,
    IDPCommunicationError=400,
    IDPRejectedClaim=403,
    ExpiredTokenException=400,
    InvalidAuthorizationMessageException=400,
)
