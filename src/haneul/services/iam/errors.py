"""IAM's errors; the last ones are answered by AWS though its model doesn't list them."""

from haneul.wire.errors import Errors

errors = Errors(
    "iam",
    NoSuchEntity=404,
    EntityAlreadyExists=409,
    DeleteConflict=409,
    LimitExceeded=409,
    InvalidInput=400,
    MalformedPolicyDocument=400,
    ValidationError=400,
    AccessDenied=403,
)
