"""Master passwords kept in Secrets Manager when the user asks for that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.rds import names
from haneul.services.rds.errors import mixed, must
from haneul.services.rds.state import Cluster, Instance
from haneul.state.table import Table
from haneul.wire.errors import AwsError

Row = TypeVar("Row", Instance, Cluster)


def announce(call: Call, table: Table[Row], row: Row) -> Row:
    """Make a secret that was asked for at once, so that the answer names it; the server gets its password later.

    The row is stored already: when this is interrupted, `ensure` makes the secret.
    """
    if "manage" not in row.work:
        return row
    arn, _ = _made(call, row)
    with call.write() as tx:
        held = table.get(tx, call.scope, row.id)
        if held is None or held.secret or "manage" not in held.work:
            return held or row
        held.secret = _told(call, held, arn, "creating")
        table.put(tx, call.scope, held)
    return held


def ensure(call: Call, row: Instance | Cluster) -> None:
    """What was asked for about the secret is done, and the row has the password to give to the server."""
    if "unmanage" in row.work:
        remove(call, row)
    elif "manage" in row.work:
        arn, row.password = _made(call, row)
        row.secret = _told(call, row, arn, "active")
    elif "rotate" in row.work:
        row.password = tokens.random_hex(32)
        value = _value(row, row.password)
        call.invoke("secretsmanager", "PutSecretValue", {"SecretId": row.secret["SecretArn"], "SecretString": value})
        row.secret = {**row.secret, "SecretStatus": "active"}
    row.work = {key: value for key, value in row.work.items() if key not in ("manage", "unmanage", "rotate")}


def change(row: Instance | Cluster, request: Mapping[str, Any]) -> bool:
    """Note what a modification asks of the master password; True when the server has to get another one.

    Raises InvalidParameterCombination.
    """
    managed, given = request.get("ManageMasterUserPassword"), request.get("MasterUserPassword") is not None
    if managed and given:
        raise mixed("You can't specify MasterUserPassword when ManageMasterUserPassword is enabled.")
    if row.secret and managed is False:
        if not given:
            raise must("MasterUserPassword")
        row.work = {**row.work, "unmanage": True}
    elif row.secret and given:
        raise mixed("You can't specify MasterUserPassword while ManageMasterUserPassword is enabled.")
    elif managed and not row.secret:
        row.work = {**row.work, "manage": request.get("MasterUserSecretKmsKeyId", "")}
    elif request.get("RotateMasterUserPassword"):
        if not row.secret:
            raise mixed("You can't rotate a master user password that isn't managed in Secrets Manager.")
        if not request.get("ApplyImmediately"):
            raise mixed("You must specify apply immediately when rotating the master user password.")
        row.work = {**row.work, "rotate": True}
        row.secret = {**row.secret, "SecretStatus": "rotating"}
    else:
        return given
    return True


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


def _made(call: Call, row: Instance | Cluster) -> tuple[str, str]:
    """(ARN, password) of a secret that is there or is made now."""
    kind = "db" if isinstance(row, Instance) else "cluster"
    owner = names.arn(call.scope, kind, row.id)
    noun = "Instance" if kind == "db" else "Cluster"
    name = f"rds!{kind}-{row.resource_id.split('-', 1)[1].lower()}"
    password = tokens.random_hex(32)
    wanted = {
        "Name": name,
        "Description": f"Secret associated with primary RDS DB {noun.lower()}: {owner}",
        "SecretString": _value(row, password),
        "KmsKeyId": row.work["manage"] or None,
        "Tags": [
            {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
            {"Key": f"aws:rds:primaryDB{noun}Arn", "Value": owner},
        ],
    }
    try:
        return call.invoke("secretsmanager", "CreateSecret", wanted)["ARN"], password
    except AwsError as error:
        if error.code != "ResourceExistsException":
            raise
    found = call.invoke("secretsmanager", "GetSecretValue", {"SecretId": name})
    return found["ARN"], json.loads(found["SecretString"])["password"]


def _value(row: Instance | Cluster, password: str) -> str:
    return json.dumps({"username": row.master, "password": password})


def _told(call: Call, row: Instance | Cluster, arn: str, status: str) -> dict[str, Any]:
    key = row.work["manage"] or _default_key(call)
    return {"SecretArn": arn, "SecretStatus": status, "KmsKeyId": key}


def _default_key(call: Call) -> str:
    found = call.invoke("kms", "DescribeKey", {"KeyId": "alias/aws/secretsmanager"})
    return str(found["KeyMetadata"]["Arn"])
