"""Functions: made, described, changed and deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.auth import passing
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.lambda_ import code as archives
from haneul.services.lambda_ import names
from haneul.services.lambda_.describing import configuration
from haneul.services.lambda_.errors import conflict, errors, invalid, stale
from haneul.services.lambda_.names import LATEST, Name, parse
from haneul.services.lambda_.paging import page
from haneul.services.lambda_.running import house
from haneul.services.lambda_.state import (
    ALIASES,
    FUNCTIONS,
    HOUSE,
    LAYERS,
    PLACES,
    POLICIES,
    SETTINGS,
    VERSIONS,
    Function,
    Version,
)
from haneul.state.store import Reader, Writer

_ROLE = re.compile(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
_ARN = "arn:aws:lambda:{region}:{account}:function:"
_SETTINGS = (
    "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "VpcConfig", "DeadLetterConfig",
    "Environment", "KMSKeyArn", "TracingConfig", "FileSystemConfigs", "EphemeralStorage", "SnapStart", "LoggingConfig",
    "Architectures", "PackageType", "ImageConfig",
)  # fmt: skip
_RESERVED = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip


@operation(resource=names.resource)
async def create_function(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateFunction. Raises ResourceConflictException, InvalidParameterValueException."""
    name = parse(call, request["FunctionName"])
    _check(call, request, {})
    passing.check(call, request["Role"], "lambda.amazonaws.com")
    with call.read() as tx:
        _refuse_twin(tx, name)
        layers = _layers(tx, name, request.get("Layers") or ())
    stored = await archives.store(call, request["Code"])
    config = {member: request[member] for member in _SETTINGS if request.get(member) is not None}

    def write(tx: Writer) -> dict[str, Any]:
        _refuse_twin(tx, name)
        function = Function(name=name.name, tags=dict(request.get("Tags") or {}))
        function.signing = request.get("CodeSigningConfigArn") or ""
        latest = Version(
            name=name.name,
            number=0,
            config=config,
            code=stored.blob,
            size=stored.size,
            sha=stored.sha,
            layers=layers,
            modified=call.now(),
            revision=tokens.uuid(),
        )
        VERSIONS.put(tx, name.scope, latest)
        told = configuration(name, latest, "", tx)
        if request.get("Publish"):
            function.counter = 1
            published = _copy(latest, 1)
            VERSIONS.put(tx, name.scope, published)
            told = configuration(name, published, "", tx)  # AWS tells the version's settings by the function's own ARN
        FUNCTIONS.put(tx, name.scope, function)
        return told

    told = await call.transact(write)
    reason = {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    told |= reason
    told.pop("LastUpdateStatus", None)
    return told


def _copy(version: Version, number: int) -> Version:
    return Version(
        name=version.name,
        number=number,
        config=dict(version.config),
        code=version.code,
        size=version.size,
        sha=version.sha,
        layers=list(version.layers),
        modified=version.modified,
        revision=tokens.uuid(),
        edition=version.edition,
    )


def _refuse_twin(tx: Reader, name: Name) -> None:
    if FUNCTIONS.get(tx, name.scope, name.name) is not None:
        raise conflict(f"Function already exist: {name.name}")


def _check(call: Call, request: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """What a configuration must be, in AWS's words."""
    if request.get("PackageType") == "Image":
        raise invalid("Container images can't be run here yet: use a .zip archive (PackageType Zip).")
    runtime = request.get("Runtime") or before.get("Runtime")
    if not before:
        if not runtime:
            raise invalid("Runtime is mandatory for functions created with deployment packages.")
        if not request.get("Handler"):
            raise invalid("Handler is mandatory for functions created with deployment packages.")
    if request.get("Runtime"):
        _check_runtime(call, request["Runtime"])
    role = request.get("Role")
    if role is not None and _ROLE.fullmatch(role) is None:
        raise errors.ValidationException(
            f"1 validation error detected: Value '{role}' at 'role' failed to satisfy constraint: Member must satisfy "
            r"regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
        )
    variables = (request.get("Environment") or {}).get("Variables") or {}
    used = [key for key in variables if key in _RESERVED]
    if used:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(used)}"
        )
    if sum(len(key.encode()) + len(value.encode()) for key, value in variables.items()) > 4096:
        text = "Lambda was unable to configure your environment variables because the environment variables you have "
        raise invalid(text + "provided exceeded the 4KB limit. String measured: " + str(variables)[:200])
    target = (request.get("DeadLetterConfig") or {}).get("TargetArn")
    if target and target.split(":")[2] not in ("sqs", "sns"):
        raise invalid(f"The provided target {target} is not supported: DLQs are SQS queues and SNS topics.")


def _check_runtime(call: Call, runtime: str) -> None:
    here = house(call).engine.runtimes()
    if runtime in here:
        return
    from haneul.wire.model import load

    known = sorted(here)
    model = load("lambda")
    valid = list(getattr(model, "enums", {}).get("Runtime", ())) or known
    if runtime in valid and runtime not in here:
        raise invalid(f"The runtime {runtime} is not on this machine. Runtimes here: {', '.join(known)}.")
    raise invalid(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{', '.join(known)}] or be a valid ARN"
    )


def _layers(tx: Reader, name: Name, arns: Any) -> list[str]:
    if len(arns) > 5:
        raise invalid("Cannot reference more than 5 layers.")
    seen = set()
    for arn in arns:
        parts = arn.split(":")
        if len(parts) != 8 or not parts[7].isdigit():
            raise errors.ValidationException(
                f"1 validation error detected: Value '{arn}' at 'layers' is no layer version."
            )
        if parts[6] in seen:
            raise invalid(
                f"Two different versions of the same layer are not allowed to be referenced in the same function. {arn}"
            )
        seen.add(parts[6])
        if LAYERS.get(tx, name.scope._replace(account=parts[4]), parts[6], int(parts[7])) is None:
            raise invalid(f"Layer version {arn} does not exist.")
    return list(arns)


@operation(resource=names.resource)
def get_function(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetFunction. Raises ResourceNotFoundException."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.read() as tx:
        function, (version, _) = names.function(tx, name), names.version(tx, name)
        told = configuration(name, version, name.qualifier, tx)
    token = house(call).ticket_for(version.code, call.now())
    location = f"http://code.lambda-url.localhost:{call.cloud.port}/{version.code}?ticket={token}"
    answer: dict[str, Any] = {
        "Configuration": told,
        "Code": {"RepositoryType": "S3", "Location": location},
        "Tags": dict(function.tags) or None,
    }
    if function.reserved is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return answer


@operation(resource=names.resource)
def get_function_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.read() as tx:
        names.function(tx, name)
        version, _ = names.version(tx, name)
        return configuration(name, version, name.qualifier, tx)


@operation()
def list_functions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListFunctions, by name; FunctionVersion ALL tells every version."""
    every = request.get("FunctionVersion") == "ALL"
    found = []
    with call.read() as tx:
        for function in FUNCTIONS.scan(tx, call.scope):
            name = Name(call.scope, function.name, "")
            for version in VERSIONS.scan(tx, call.scope, function.name):
                if version.number == 0 or every:
                    label = LATEST if version.number == 0 else str(version.number)
                    found.append(configuration(name, version, label if every else "", tx, brief=True))
    chosen, marker = page(found, request, 50)
    return {"Functions": chosen, "NextMarker": marker}


@operation(resource=names.resource)
async def update_function_code(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateFunctionCode. Raises ResourceNotFoundException, PreconditionFailedException."""
    name = parse(call, request["FunctionName"])
    with call.read() as tx:
        names.function(tx, name)
        latest, _ = names.version(tx, name._replace(qualifier=""))
        _check_revision(latest, request)
    stored = await archives.store(call, request)

    def write(tx: Writer) -> dict[str, Any]:
        function = names.function(tx, name)
        version, _ = names.version(tx, name._replace(qualifier=""))
        old = version.code
        if request.get("DryRun"):
            call.cloud.blobs.delete_later(tx, stored.blob)
        version.code, version.size, version.sha = stored.blob, stored.size, stored.sha
        if request.get("Architectures"):
            version.config["Architectures"] = request["Architectures"]
        version.modified, version.revision, version.edition = call.now(), tokens.uuid(), tokens.uuid()
        if not request.get("DryRun"):
            VERSIONS.put(tx, name.scope, version)
            if not any(one.code == old for one in VERSIONS.scan(tx, name.scope, name.name)):
                call.cloud.blobs.delete_later(tx, old)
        if request.get("Publish") and not request.get("DryRun"):
            return publish(tx, name, function, version, "")
        return configuration(name, version, LATEST if request.get("DryRun") else "", tx)

    told = await call.transact(write)
    house(call).changed(name)
    return told | _updating()


def publish(tx: Writer, name: Name, function: Function, latest: Version, description: str) -> dict[str, Any]:
    """A new version of $LATEST, or the newest if nothing changed since."""
    newest = VERSIONS.get(tx, name.scope, name.name, function.counter) if function.counter else None
    if newest is not None and (newest.edition, newest.sha, newest.layers) == (
        latest.edition,
        latest.sha,
        latest.layers,
    ):
        same = dict(newest.config) | {"Description": ""} == dict(latest.config) | {"Description": ""}
        if same:
            return configuration(name, newest, str(newest.number), tx)
    function.counter += 1
    made = _copy(latest, function.counter)
    if description:
        made.config["Description"] = description
    VERSIONS.put(tx, name.scope, made)
    FUNCTIONS.put(tx, name.scope, function)
    return configuration(name, made, str(made.number), tx)


def _updating() -> dict[str, Any]:
    return {
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    }


def _check_revision(version: Version, request: Mapping[str, Any]) -> None:
    if request.get("RevisionId") and request["RevisionId"] != version.revision:
        raise stale()


@operation(resource=names.resource)
def update_function_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateFunctionConfiguration: members that are given replace those that were."""
    name = parse(call, request["FunctionName"])
    with call.write() as tx:
        names.function(tx, name)
        version, _ = names.version(tx, name._replace(qualifier=""))
        _check_revision(version, request)
        _check(call, request, version.config)
        if request.get("Role"):
            passing.check(call, request["Role"], "lambda.amazonaws.com")
        version.config |= {member: request[member] for member in _SETTINGS if request.get(member) is not None}
        if request.get("Layers") is not None:
            version.layers = _layers(tx, name, request["Layers"])
        version.modified, version.revision, version.edition = call.now(), tokens.uuid(), tokens.uuid()
        VERSIONS.put(tx, name.scope, version)
        told = configuration(name, version, "", tx)
    house(call).changed(name)
    return told | _updating()


@operation(resource=names.resource)
def delete_function(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteFunction: the whole function, or the version that the qualifier names."""
    name = parse(call, request["FunctionName"], request.get("Qualifier"))
    with call.write() as tx:
        names.function(tx, name)
        if name.qualifier:
            _delete_version(call, tx, name)
        else:
            for version in VERSIONS.scan(tx, name.scope, name.name):
                call.cloud.blobs.delete_later(tx, version.code)
            for setting in SETTINGS.scan(tx, name.scope, "url", name.name):
                PLACES.delete(tx, HOUSE, setting.held["id"])
            for table in (VERSIONS, ALIASES, POLICIES):
                table.delete_all(tx, name.scope, name.name)
            for kind in ("event", "provisioned", "url"):
                SETTINGS.delete_all(tx, name.scope, kind, name.name)
            FUNCTIONS.delete(tx, name.scope, name.name)
    house(call).changed(name)
    call.status = 204
    return {}


def _delete_version(call: Call, tx: Writer, name: Name) -> None:
    if name.qualifier == LATEST:
        raise invalid("$LATEST version cannot be deleted without deleting the function.")
    if not name.qualifier.isdigit():
        raise invalid("Deletion of aliases is not currently supported.")
    version = VERSIONS.get(tx, name.scope, name.name, int(name.qualifier))
    if version is None:
        return
    holding = [
        one.alias for one in ALIASES.scan(tx, name.scope, name.name) if name.qualifier in (one.version, *one.weights)
    ]
    if holding:
        raise conflict(
            f"Version cannot be deleted because it is referenced by the following aliases: [{', '.join(holding)}]"
        )
    VERSIONS.delete(tx, name.scope, name.name, version.number)
    if not any(one.code == version.code for one in VERSIONS.scan(tx, name.scope, name.name)):
        call.cloud.blobs.delete_later(tx, version.code)
