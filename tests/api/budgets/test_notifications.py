"""Notifications: who is to be told of what, and that they are, once a period."""

import json
import time

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
OVER = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
MAIL = {"SubscriptionType": "EMAIL", "Address": "a@example.com"}
TOPIC = {"SubscriptionType": "SNS", "Address": "arn:aws:sns:us-east-1:000000000000:alarms"}
WITHIN = 30


def budget(name, **more):
    return {
        "BudgetName": name,
        "BudgetLimit": {"Amount": "10000", "Unit": "USD"},
        "TimeUnit": "MONTHLY",
        "BudgetType": "COST",
        **more,
    }


def until(condition):
    """What the condition gives, once it gives something."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def messages(sqs, queue):
    """What the queue holds and gives up."""
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for one in found:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    return [json.loads(one["Body"]) for one in found]


def spend(glacier):
    """A hundred dollars at once: what a unit of Glacier's provisioned capacity costs a month."""
    glacier.purchase_provisioned_capacity(accountId="-")


def mailbox(client, account, name):
    """A topic, and the queue that hears it."""
    sns, sqs = client("sns", account=account), client("sqs", account=account)
    topic, queue = sns.create_topic(Name=name)["TopicArn"], sqs.create_queue(QueueName=name)["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{account}:{name}")
    return topic, queue


def test_a_life(client, unique):
    """Notifications and subscribers are made, told, changed and deleted; the last subscriber takes its own along."""
    budgets, name = client("budgets"), unique("life")
    which = {"AccountId": ACCOUNT, "BudgetName": name}
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget=budget(name),
        NotificationsWithSubscribers=[{"Notification": OVER, "Subscribers": [MAIL, TOPIC]}],
    )
    (told,) = budgets.describe_notifications_for_budget(**which)["Notifications"]
    assert told == {**OVER, "ThresholdType": "PERCENTAGE", "NotificationState": "OK"}
    assert budgets.describe_subscribers_for_notification(**which, Notification=OVER)["Subscribers"] == [MAIL, TOPIC]
    forecast = {**OVER, "NotificationType": "FORECASTED", "ThresholdType": "ABSOLUTE_VALUE"}
    budgets.create_notification(**which, Notification=forecast, Subscribers=[MAIL])
    (account,) = [
        one
        for page in budgets.get_paginator("describe_budget_notifications_for_account").paginate(AccountId=ACCOUNT)
        for one in page["BudgetNotificationsForAccount"]
        if one["BudgetName"] == name
    ]
    assert len(account["Notifications"]) == 2
    budgets.update_notification(**which, OldNotification=OVER, NewNotification={**OVER, "Threshold": 90.0})
    over = {**OVER, "Threshold": 90.0}
    other = {**MAIL, "Address": "b@example.com"}
    budgets.update_subscriber(**which, Notification=over, OldSubscriber=MAIL, NewSubscriber=other)
    budgets.delete_subscriber(**which, Notification=over, Subscriber=TOPIC)
    assert budgets.describe_subscribers_for_notification(**which, Notification=over)["Subscribers"] == [other]
    budgets.delete_subscriber(**which, Notification=over, Subscriber=other)
    (left,) = budgets.describe_notifications_for_budget(**which)["Notifications"]
    assert left["NotificationType"] == "FORECASTED"
    budgets.delete_notification(**which, Notification=forecast)
    assert budgets.describe_notifications_for_budget(**which)["Notifications"] == []


def test_errors(client, unique):
    """Limits and duplicates, by AWS's codes."""
    budgets, name = client("budgets"), unique("bad")
    which = {"AccountId": ACCOUNT, "BudgetName": name}

    def refused(call, **members):
        with pytest.raises(ClientError) as caught:
            call(**which, **members)
        return caught.value.response["Error"]["Code"]

    assert refused(budgets.create_notification, Notification=OVER, Subscribers=[MAIL]) == "NotFoundException"
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget(name, TimeUnit="DAILY"))
    two = [TOPIC, {**TOPIC, "Address": f"{TOPIC['Address']}2"}]
    assert refused(budgets.create_notification, Notification=OVER, Subscribers=two) == "CreationLimitExceededException"
    wrong = [{**TOPIC, "Address": "alarms"}]
    assert refused(budgets.create_notification, Notification=OVER, Subscribers=wrong) == "InvalidParameterException"
    forecast = {**OVER, "NotificationType": "FORECASTED"}
    assert (
        refused(budgets.create_notification, Notification=forecast, Subscribers=[MAIL]) == "InvalidParameterException"
    )
    budgets.create_notification(**which, Notification=OVER, Subscribers=[MAIL])
    assert refused(budgets.create_notification, Notification=OVER, Subscribers=[MAIL]) == "DuplicateRecordException"
    assert refused(budgets.create_subscriber, Notification=OVER, Subscriber=MAIL) == "DuplicateRecordException"
    assert refused(budgets.delete_notification, Notification=forecast) == "NotFoundException"
    assert refused(budgets.delete_subscriber, Notification=OVER, Subscriber=TOPIC) == "NotFoundException"


def test_a_crossed_threshold_is_told(client, unique):
    """Spending above the threshold: the topic hears of it once, the bus too, and after a change once more."""
    account, name = "888888880002", unique("crossed")
    budgets, events = client("budgets", account=account), client("events", account=account)
    topic, queue = mailbox(client, account, name)
    sqs = client("sqs", account=account)
    bus = sqs.create_queue(QueueName=f"{name}-bus")["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.budgets"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{account}:{name}-bus"}])
    spend(client("glacier", account=account))

    small = budget(name, BudgetLimit={"Amount": "100", "Unit": "USD"})
    small["CostFilters"] = {"Service": ["Amazon Glacier"]}
    budgets.create_budget(AccountId=account, Budget=small)
    which = {"AccountId": account, "BudgetName": name}

    def spent():
        told = budgets.describe_budget(**which)["Budget"]["CalculatedSpend"]["ActualSpend"]["Amount"]
        return float(told) == 100

    until(spent)
    subscribers = [{"SubscriptionType": "SNS", "Address": topic}, MAIL]
    budgets.create_notification(**which, Notification=OVER, Subscribers=subscribers)
    (heard,) = until(lambda: messages(sqs, queue))
    assert f"Budget Name: {name}" in heard["Message"]
    assert "Alert Type: ACTUAL" in heard["Message"]
    assert name in heard["Subject"]
    (event,) = until(lambda: messages(sqs, bus))
    assert event["detail"]["budgetName"] == name
    assert event["resources"] == [f"arn:aws:budgets::{account}:budget/{name}"]
    (told,) = budgets.describe_notifications_for_budget(**which)["Notifications"]
    assert told["NotificationState"] == "ALARM"
    budgets.create_subscriber(**which, Notification=OVER, Subscriber={**MAIL, "Address": "c@example.com"})
    budgets.update_budget(AccountId=account, NewBudget=small)
    again = until(lambda: messages(sqs, queue))
    assert len(again) == 1, "a new subscriber makes nobody hear it twice, an update does"


def test_filters_count(client, unique):
    """What another service, another tag or another kind of cost has isn't this budget's."""
    account = "888888880003"
    budgets = client("budgets", account=account)
    spend(client("glacier", account=account))
    glacier = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Gla"], "MatchOptions": ["STARTS_WITH"]}}
    made = {
        "glacier": {"CostFilters": {"Service": ["Amazon Glacier"]}},
        "starts": {"FilterExpression": glacier, "Metrics": ["UnblendedCost"]},
        "other": {"CostFilters": {"Service": ["Amazon Simple Storage Service"]}},
        "not": {"FilterExpression": {"Not": glacier}, "Metrics": ["UnblendedCost"]},
        "tag": {"CostFilters": {"TagKeyValue": ["user:team$blue"]}},
        "units": {
            "CostFilters": {"UsageType": ["ProvisionedCapacity"]},
            "BudgetType": "USAGE",
            "BudgetLimit": {"Amount": "5", "Unit": "Units"},
        },
    }
    for name, members in made.items():
        budgets.create_budget(AccountId=account, Budget=budget(name, **members))

    def spent():
        told = budgets.describe_budgets(AccountId=account)["Budgets"]
        return {one["BudgetName"]: float(one["CalculatedSpend"]["ActualSpend"]["Amount"]) for one in told}

    until(lambda: spent()["glacier"])
    found = spent()
    assert found["starts"] == found["glacier"] == 100
    assert found["other"] == found["not"] == found["tag"] == 0
    assert found["units"] == 1


def test_every_minute(fresh_cloud):
    """Nobody asks: spending that comes later is noticed by itself, within a minute of the cloud's clock."""
    cloud = fresh_cloud("--clock-rate", "60")
    topic, queue = mailbox(cloud.client, ACCOUNT, "minute")
    budgets = cloud.client("budgets")
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget=budget("minute", BudgetLimit={"Amount": "100", "Unit": "USD"}),
        NotificationsWithSubscribers=[
            {"Notification": OVER, "Subscribers": [{"SubscriptionType": "SNS", "Address": topic}]}
        ],
    )
    spend(cloud.client("glacier"))
    (heard,) = until(lambda: messages(cloud.client("sqs"), queue))
    assert "Budget Name: minute" in heard["Message"]
