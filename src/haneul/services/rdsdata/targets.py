"""Which server, as whom: a cluster's ARN and a secret's, through the doors of RDS and Secrets Manager."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from haneul.service import Call
from haneul.services.rdsdata.errors import errors
from haneul.wire.errors import AwsError


@dataclass(frozen=True)
class Target:
    """Everything that a connection needs; also what tells two pools apart."""

    cluster: str
    secret: str
    host: str
    port: int
    user: str
    password: str
    database: str


async def resolve(call: Call, request: Mapping[str, Any]) -> Target:
    """Raises BadRequestException, DatabaseNotFoundException, HttpEndpointNotEnabledException, SecretsErrorException."""
    arn = request["resourceArn"]
    cluster = await _cluster(call, arn)
    secret = await _secret(call, request["secretArn"])
    return Target(
        cluster=cluster["DBClusterArn"],
        secret=request["secretArn"],
        host=cluster["Endpoint"],
        port=cluster["Port"],
        user=secret["username"],
        password=secret["password"],
        database=request.get("database") or secret.get("dbname") or cluster.get("DatabaseName") or "postgres",
    )


async def _cluster(call: Call, arn: str) -> dict[str, Any]:
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[:3] != ["arn", "aws", "rds"]:
        raise errors.BadRequestException(f"Invalid ARN: {arn}")
    if parts[5] != "cluster" or parts[3] != call.region or parts[4] != call.account:
        raise errors.BadRequestException(f"The resource {arn} is not a DB cluster of this account and region.")
    try:
        output = await _invoke(call, "rds", "DescribeDBClusters", {"DBClusterIdentifier": parts[6]})
    except AwsError as error:
        if error.code != "DBClusterNotFoundFault":
            raise
        raise errors.NotFoundException(f"DBCluster {parts[6]} not found.") from None
    cluster: dict[str, Any] = output["DBClusters"][0]
    if not cluster.get("HttpEndpointEnabled"):
        raise errors.HttpEndpointNotEnabledException(f"HttpEndpoint is not enabled for cluster {parts[6]}.")
    if not any(member["IsClusterWriter"] for member in cluster["DBClusterMembers"]):
        raise errors.DatabaseNotFoundException(f"The DB cluster {parts[6]} doesn't have a DB instance.")
    if cluster["Status"] in ("stopped", "stopping", "starting", "creating", "deleting"):
        raise errors.InvalidResourceStateException(f"The DB cluster {parts[6]} is {cluster['Status']}.")
    return cluster


async def _secret(call: Call, arn: str) -> dict[str, Any]:
    call.cloud.gate.check(call, "secretsmanager:GetSecretValue", arn)
    try:
        output = await _invoke(call, "secretsmanager", "GetSecretValue", {"SecretId": arn})
    except AwsError as error:
        raise errors.SecretsErrorException(f"The secret {arn} can't be read: {error.message}") from None
    try:
        secret = orjson.loads(output.get("SecretString") or "")
        assert isinstance(secret["username"], str)
        assert isinstance(secret["password"], str)
    except (ValueError, KeyError, TypeError, AssertionError):
        raise errors.InvalidSecretException(f"The secret {arn} holds no username and password.") from None
    return dict(secret)


async def _invoke(call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any:
    answer = call.invoke(service, operation, request)
    return await answer if inspect.isawaitable(answer) else answer
