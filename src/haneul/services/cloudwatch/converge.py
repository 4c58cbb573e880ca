"""What CloudWatch does with time: alarms are evaluated and told, old points go."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec

from haneul.service import Call, Step
from haneul.services.cloudwatch.evaluation import evaluate, period_of
from haneul.services.cloudwatch.histories import note
from haneul.services.cloudwatch.metrics import SWEEP_EVERY
from haneul.services.cloudwatch.plane import points
from haneul.services.cloudwatch.state import ALARMS, Alarm, Metric, Pending
from haneul.services.cloudwatch.transitions import alarm_arn, settle_composites, transition
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.cloudwatch")


def step_metric(call: Call, metric: Metric) -> Step:
    """Forget points past their time, and the metric when none is left."""
    with call.write() as tx:
        gone = points.forget(tx, metric.number, call.now())
    return Step(None) if gone else Step(metric, SWEEP_EVERY)


def step_alarm(call: Call, alarm: Alarm) -> Step:
    """Tell what is to be told, then look at the metric again."""
    if alarm.pending:
        for pending in alarm.pending:
            _tell(call, alarm, pending)
        return Step(msgspec.structs.replace(alarm, pending=[]), 0.0)
    if alarm.composite:
        return Step(alarm)
    pause = float(min(60, max(10, period_of(call, alarm))))
    try:
        verdict = evaluate(call, alarm)
    except AwsError as error:
        log.info("alarm %s can't be evaluated: %s", alarm.name, error.message)
        return Step(alarm, pause)
    if verdict is None or verdict[0] == alarm.state:
        return Step(alarm, pause)
    with call.write() as tx:
        fresh = ALARMS.get(tx, call.scope, alarm.name)
        if fresh is not None:
            transition(tx, call, fresh, *verdict)
            settle_composites(tx, call)
    return Step(alarm, 0.0)  # the row has changed: the loop looks at it again


def _tell(call: Call, alarm: Alarm, pending: Pending) -> None:
    for arn in pending.actions:
        try:
            _act(call, alarm, arn, pending)
            outcome = "Successfully executed action"
        except AwsError as error:
            log.info("action %s of alarm %s failed: %s", arn, alarm.name, error.message)
            outcome = "Failed to execute action"
        with call.write() as tx:
            note(tx, call, alarm, "Action", f"{outcome} {arn}")
    _announce(call, alarm, pending)


def _act(call: Call, alarm: Alarm, arn: str, pending: Pending) -> None:
    parts = arn.split(":")
    kind = parts[2] if len(parts) > 5 else ""
    if kind == "sns":
        call.invoke("sns", "Publish", {"TopicArn": arn, "Subject": pending.subject, "Message": pending.message})
    elif kind == "lambda":
        told: dict[str, Any] = json.loads(pending.message)
        event = {
            "source": "aws.cloudwatch",
            "alarmArn": told["AlarmArn"],
            "accountId": call.account,
            "time": told["StateChangeTime"],
            "region": call.region,
            "alarmData": {
                "alarmName": alarm.name,
                "state": {"value": told["NewStateValue"], "reason": told["NewStateReason"]},
                "previousState": {"value": told["OldStateValue"]},
                "configuration": {"description": told["AlarmDescription"]},
            },
        }
        payload = json.dumps(event).encode()
        call.invoke("lambda", "Invoke", {"FunctionName": arn, "InvocationType": "Event", "Payload": payload})
    elif kind == "autoscaling":
        name = arn.rpartition("policyName/")[2]
        group = arn.rpartition("autoScalingGroupName/")[2].split(":")[0]
        call.invoke("autoscaling", "ExecutePolicy", {"AutoScalingGroupName": group, "PolicyName": name})
    elif kind == "automate" and parts[4] == "ec2":
        _on_instance(call, alarm, parts[5])
    else:
        raise AwsError("NotImplemented", f"Actions of the kind {kind or arn} are not run here.", 501)


def _on_instance(call: Call, alarm: Alarm, verb: str) -> None:
    operations = {"stop": "StopInstances", "terminate": "TerminateInstances", "reboot": "RebootInstances"}
    instance = next((d["Value"] for d in alarm.settings.get("Dimensions") or () if d["Name"] == "InstanceId"), None)
    if verb not in operations or instance is None:
        raise AwsError("NotImplemented", f"The action {verb} is not run here.", 501)
    call.invoke("ec2", operations[verb], {"InstanceIds": [instance]})


def _announce(call: Call, alarm: Alarm, pending: Pending) -> None:
    """Put the change on the default event bus."""
    told: dict[str, Any] = json.loads(pending.message)
    detail = {
        "alarmName": alarm.name,
        "state": {
            "value": told["NewStateValue"],
            "reason": told["NewStateReason"],
            "timestamp": told["StateChangeTime"],
        },
        "previousState": {"value": told["OldStateValue"]},
        "configuration": {"description": told["AlarmDescription"]},
    }
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [alarm_arn(call.scope, alarm.name)],
    }
    try:
        call.invoke("events", "PutEvents", {"Entries": [entry]})
    except AwsError:
        pass  # no EventBridge here
