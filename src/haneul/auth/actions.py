"""Which IAM action an operation needs where that isn't `prefix:Operation`: facts of AWS's reference.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from haneul.auth import s3_actions

if TYPE_CHECKING:
    from haneul.service import Call, Operation

Needed = str | list[str]

FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
"""What every signed caller may do, whatever its policies say."""

PREFIXES = {
    "apigatewaymanagementapi": "execute-api",
    "apigatewayv2": "apigateway",
    "cloudsearchdomain": "cloudsearch",
    "cur": "cur",
    "docdb": "rds",
    "dynamodbstreams": "dynamodb",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "emr": "elasticmapreduce",
    "iot-data": "iot",
    "lex-runtime": "lex",
    "meteringmarketplace": "aws-marketplace",
    "neptune": "rds",
    "opensearch": "es",
    "resourcegroupstaggingapi": "tag",
    "s3control": "s3",
    "s3outposts": "s3-outposts",
    "sagemaker-runtime": "sagemaker",
    "sesv2": "ses",
    "stepfunctions": "states",
}
"""Model -> prefix of its IAM actions, where they differ and the room didn't say."""

RENAMED: Mapping[tuple[str, str], Needed] = {
    ("apigatewaymanagementapi", "DeleteConnection"): "execute-api:ManageConnections",
    ("apigatewaymanagementapi", "GetConnection"): "execute-api:ManageConnections",
    ("apigatewaymanagementapi", "PostToConnection"): "execute-api:ManageConnections",
    ("budgets", "CreateBudget"): "budgets:ModifyBudget",
    ("budgets", "CreateNotification"): "budgets:ModifyBudget",
    ("budgets", "CreateSubscriber"): "budgets:ModifyBudget",
    ("budgets", "DeleteBudget"): "budgets:ModifyBudget",
    ("budgets", "DeleteNotification"): "budgets:ModifyBudget",
    ("budgets", "DeleteSubscriber"): "budgets:ModifyBudget",
    ("budgets", "DescribeBudget"): "budgets:ViewBudget",
    ("budgets", "DescribeBudgetNotificationsForAccount"): "budgets:ViewBudget",
    ("budgets", "DescribeBudgetPerformanceHistory"): "budgets:ViewBudget",
    ("budgets", "DescribeBudgets"): "budgets:ViewBudget",
    ("budgets", "DescribeNotificationsForBudget"): "budgets:ViewBudget",
    ("budgets", "DescribeSubscribersForNotification"): "budgets:ViewBudget",
    ("budgets", "UpdateBudget"): "budgets:ModifyBudget",
    ("budgets", "UpdateNotification"): "budgets:ModifyBudget",
    ("budgets", "UpdateSubscriber"): "budgets:ModifyBudget",
    ("cloudfront", "CreateDistributionWithTags"): ["cloudfront:CreateDistribution", "cloudfront:TagResource"],
    ("cloudfront", "CreateStreamingDistributionWithTags"): [
        "cloudfront:CreateStreamingDistribution",
        "cloudfront:TagResource",
    ],
    ("dynamodb", "TransactGetItems"): "dynamodb:GetItem",
    ("kms", "ReEncrypt"): ["kms:ReEncryptFrom", "kms:ReEncryptTo"],
    ("lambda", "GetLayerVersionByArn"): "lambda:GetLayerVersion",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "InvokeAsync"): "lambda:InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "lambda:InvokeFunction",
    ("s3control", "DeletePublicAccessBlock"): "s3:PutAccountPublicAccessBlock",
    ("s3control", "GetPublicAccessBlock"): "s3:GetAccountPublicAccessBlock",
    ("s3control", "PutPublicAccessBlock"): "s3:PutAccountPublicAccessBlock",
    ("sns", "PublishBatch"): "sns:Publish",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
}


def needed(call: Call, operation: Operation, request: Mapping[str, Any], prefix: str) -> Needed:
    """The action or actions that the call needs, each on each of its resources; "" for no permission at all."""
    action = operation.action
    if action is not None:
        return action if isinstance(action, str) else action(call, request)
    service, name = call.service, call.operation
    if service == "s3":
        return s3_actions.needed(name, request)
    renamed = RENAMED.get((service, name))
    if renamed is not None:
        return renamed
    chosen = _CHOSEN.get((service, name)) or _CHOSEN.get((service, ""))
    if chosen is not None:
        return chosen(call, request)
    if (service, name) in FREE:
        return ""
    return f"{PREFIXES.get(prefix, prefix)}:{name}"


def _assume_role(call: Call, request: Mapping[str, Any]) -> Needed:
    actions = [f"sts:{call.operation}"]
    if request.get("Tags"):
        actions.append("sts:TagSession")
    if request.get("SourceIdentity"):
        actions.append("sts:SetSourceIdentity")
    return actions[0] if len(actions) == 1 else actions


def _transact_write(call: Call, request: Mapping[str, Any]) -> Needed:
    kinds = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
    items = request.get("TransactItems") or []
    return sorted({f"dynamodb:{action}" for item in items for kind, action in kinds.items() if kind in item})


def _partiql(call: Call, request: Mapping[str, Any]) -> Needed:
    statements = request.get("Statements") or request.get("TransactStatements") or [request]
    found = set()
    for one in statements:
        words = str(one.get("Statement", "")).split(None, 1)
        verb = words[0].capitalize() if words else ""
        found.add("dynamodb:PartiQL" + (verb if verb in ("Select", "Insert", "Update", "Delete") else "Select"))
    return sorted(found)


_METHODS = {
    "Create": "POST",
    "Import": "POST",
    "Generate": "POST",
    "Test": "POST",
    "Get": "GET",
    "Export": "GET",
    "Put": "PUT",
    "Tag": "PUT",
    "Reimport": "PUT",
    "Update": "PATCH",
    "Delete": "DELETE",
    "Untag": "DELETE",
    "Flush": "DELETE",
    "Reset": "DELETE",
}


def _api_gateway(call: Call, request: Mapping[str, Any]) -> Needed:
    """API Gateway's actions are HTTP methods on paths."""
    if call.http is not None:
        return f"apigateway:{call.http.method}"
    name = call.operation
    return "apigateway:" + next((method for verb, method in _METHODS.items() if name.startswith(verb)), "POST")


_CHOSEN: Mapping[tuple[str, str], Callable[[Call, Mapping[str, Any]], Needed]] = {
    ("apigateway", ""): _api_gateway,
    ("apigatewayv2", ""): _api_gateway,
    ("dynamodb", "BatchExecuteStatement"): _partiql,
    ("dynamodb", "ExecuteStatement"): _partiql,
    ("dynamodb", "ExecuteTransaction"): _partiql,
    ("dynamodb", "TransactWriteItems"): _transact_write,
    ("sts", "AssumeRole"): _assume_role,
}
