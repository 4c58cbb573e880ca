"""A function's version as AWS tells it."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from typing import Any

from haneul.services.lambda_.names import LATEST, Name
from haneul.services.lambda_.state import LAYERS, Version
from haneul.state.store import Reader


def instant(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"


def configuration(name: Name, version: Version, qualifier: str, tx: Reader, brief: bool = False) -> dict[str, Any]:
    """FunctionConfiguration; `brief` leaves out the states, as listings do. The ARN is qualified as asked for."""
    config = version.config
    label = LATEST if version.number == 0 else str(version.number)
    arn = f"{name.arn}:{qualifier}" if qualifier else name.arn
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name.name}"} | (config.get("LoggingConfig") or {})
    if logging["LogFormat"] == "JSON":
        logging = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | logging
    told: dict[str, Any] = {
        "FunctionName": name.name,
        "FunctionArn": arn,
        "Runtime": config.get("Runtime"),
        "Role": config["Role"],
        "Handler": config.get("Handler"),
        "CodeSize": version.size,
        "Description": config.get("Description", ""),
        "Timeout": config.get("Timeout", 3),
        "MemorySize": config.get("MemorySize", 128),
        "LastModified": instant(version.modified),
        "CodeSha256": version.sha,
        "Version": label,
        "TracingConfig": {"Mode": "PassThrough"} | (config.get("TracingConfig") or {}),
        "RevisionId": version.revision,
        "PackageType": "Zip",
        "Architectures": config.get("Architectures") or ["x86_64"],
        "EphemeralStorage": config.get("EphemeralStorage") or {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"} | (config.get("SnapStart") or {}),
        "LoggingConfig": logging,
        "RuntimeVersionConfig": {
            "RuntimeVersionArn": f"arn:aws:lambda:{name.scope.region}::runtime:{_fingerprint(config)}"
        },
        "KMSKeyArn": config.get("KMSKeyArn"),
        "FileSystemConfigs": config.get("FileSystemConfigs"),
    }
    variables = (config.get("Environment") or {}).get("Variables")
    if variables:
        told["Environment"] = {"Variables": dict(variables)}
    if (config.get("DeadLetterConfig") or {}).get("TargetArn"):
        told["DeadLetterConfig"] = config["DeadLetterConfig"]
    vpc = config.get("VpcConfig") or {}
    if vpc.get("SubnetIds"):
        told["VpcConfig"] = {"VpcId": "", "Ipv6AllowedForDualStack": False} | vpc
    if version.layers:
        told["Layers"] = [_layer(tx, name, arn) for arn in version.layers]
    if not brief:
        told |= {"State": "Active", "LastUpdateStatus": "Successful"}
    return told


def _fingerprint(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(str(config.get("Runtime")).encode()).hexdigest()


def _layer(tx: Reader, name: Name, arn: str) -> dict[str, Any]:
    parts = arn.split(":")
    row = LAYERS.get(tx, name.scope._replace(account=parts[4]), parts[6], int(parts[7]))
    return {"Arn": arn, "CodeSize": 0 if row is None else row.size}
