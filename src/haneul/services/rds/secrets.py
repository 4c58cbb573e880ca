"""Master passwords kept in Secrets Manager when the user asks for that."""

from __future__ import annotations

import json

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.rds import names
from haneul.services.rds.state import Cluster, Instance
from haneul.wire.errors import AwsError


def ensure(call: Call, row: Instance | Cluster) -> None:
    """The secret that was asked for exists, and the row has its password to give to the server."""
    if "manage" not in row.work:
        return
    kind = "db" if isinstance(row, Instance) else "cluster"
    name = f"rds!{kind}-{row.resource_id.split('-', 1)[1].lower()}"
    secret = json.dumps({"username": row.master, "password": tokens.random_hex(32)})
    try:
        made = call.invoke(
            "secretsmanager",
            "CreateSecret",
            {
                "Name": name,
                "Description": f"Secret associated with primary RDS DB {'instance' if kind == 'db' else 'cluster'}: "
                f"{names.arn(call.scope, kind, row.id)}",
                "SecretString": secret,
                "Tags": [
                    {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
                    {
                        "Key": f"aws:rds:primaryDB{kind.replace('db', 'instance').capitalize()}Arn",
                        "Value": names.arn(call.scope, kind, row.id),
                    },
                ],
            },
        )
        arn = made["ARN"]
    except AwsError as error:
        if error.code != "ResourceExistsException":
            raise
        found = call.invoke("secretsmanager", "GetSecretValue", {"SecretId": name})
        arn, secret = found["ARN"], found["SecretString"]
    row.password = json.loads(secret)["password"]
    row.secret = {
        "SecretArn": arn,
        "SecretStatus": "active",
        "KmsKeyId": row.work["manage"] or f"arn:aws:kms:{call.region}:{call.account}:alias/aws/secretsmanager",
    }
    row.work = {key: value for key, value in row.work.items() if key != "manage"}


def remove(call: Call, row: Instance | Cluster) -> None:
    """The secret goes with what it belongs to."""
    if not row.secret:
        return
    try:
        call.invoke(
            "secretsmanager", "DeleteSecret", {"SecretId": row.secret["SecretArn"], "ForceDeleteWithoutRecovery": True}
        )
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
    row.secret = {}
