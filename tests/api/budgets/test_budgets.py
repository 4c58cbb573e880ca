"""Budgets as they are made, told, changed and deleted."""

import datetime

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
LIMIT = {"Amount": "10", "Unit": "USD"}


def budget(name, **more):
    return {"BudgetName": name, "BudgetLimit": LIMIT, "TimeUnit": "MONTHLY", "BudgetType": "COST", **more}


def code_of(call, *arguments, **members):
    with pytest.raises(ClientError) as caught:
        call(*arguments, AccountId=ACCOUNT, **members)
    return caught.value.response["Error"]["Code"]


def test_defaults(client, unique):
    """A budget of three members has AWS's defaults for the rest."""
    budgets, name = client("budgets"), unique("plain")
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget(name))
    told = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    today = datetime.datetime.now(datetime.UTC)
    start = told["TimePeriod"]["Start"].astimezone(datetime.UTC)
    assert (start.year, start.month, start.day, start.hour) == (today.year, today.month, 1, 0)
    assert told["TimePeriod"]["End"].astimezone(datetime.UTC).date() == datetime.date(2087, 6, 15)
    assert told["BudgetLimit"] == {"Amount": "10.0", "Unit": "USD"}
    assert told["CostFilters"] == {}
    assert told["CostTypes"]["IncludeTax"] is True
    assert told["CostTypes"]["UseBlended"] is False
    assert float(told["CalculatedSpend"]["ActualSpend"]["Amount"]) >= 0
    assert told["CalculatedSpend"]["ForecastedSpend"]["Unit"] == "USD"
    budgets.delete_budget(AccountId=ACCOUNT, BudgetName=name)
    assert code_of(budgets.describe_budget, BudgetName=name) == "NotFoundException"


def test_errors(client, unique):
    """What is there twice, what isn't there, what makes no sense, and whose it isn't."""
    budgets, name = client("budgets"), unique("wrong")
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget(name))
    with pytest.raises(ClientError) as caught:
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget(name))
    assert caught.value.response["Error"] == {
        "Code": "DuplicateRecordException",
        "Message": f"Error creating budget: {name} - the budget already exists.",
    }
    with pytest.raises(ClientError) as caught:
        budgets.delete_budget(AccountId=ACCOUNT, BudgetName="nobody")
    assert caught.value.response["Error"]["Message"].startswith("Unable to delete budget: nobody - the budget doesn't")
    assert code_of(budgets.update_budget, NewBudget=budget("nobody")) == "NotFoundException"
    other = unique("other")
    period = {"Start": datetime.datetime(2026, 5, 1), "End": datetime.datetime(2026, 4, 1)}
    for members in (
        {"BudgetLimit": {"Amount": "10", "Unit": "GB"}},
        {"TimePeriod": period},
        {"CostFilters": {"Taste": ["sweet"]}},
        {"PlannedBudgetLimits": {"1780272000": LIMIT}},
        {"TimeUnit": "CUSTOM"},
    ):
        assert code_of(budgets.create_budget, Budget=budget(other, **members)) == "InvalidParameterException"
    assert code_of(budgets.create_budget, Budget=budget(other, BudgetType="RI_COVERAGE")) == "NotImplemented"
    for bad in ("a:b", "a\\b", "a/action/b"):
        assert code_of(budgets.create_budget, Budget=budget(bad)) == "ValidationException"
    with pytest.raises(ClientError) as caught:
        budgets.describe_budgets(AccountId="111111111111")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_update_keeps_the_period(client, unique):
    """UpdateBudget replaces all but what says when the budget lasts."""
    budgets, name = client("budgets"), unique("changed")
    start = datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget(name, TimePeriod={"Start": start}))
    changed = budget(name, BudgetLimit={"Amount": "20.5", "Unit": "USD"}, CostFilters={"Service": ["Amazon DynamoDB"]})
    budgets.update_budget(AccountId=ACCOUNT, NewBudget=changed)
    told = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name, ShowFilterExpression=True)["Budget"]
    assert told["BudgetLimit"]["Amount"] == "20.5"
    assert told["TimePeriod"]["Start"] == start
    assert told["FilterExpression"] == {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon DynamoDB"]}}


def test_planned_limits(client, unique):
    """The limit told is that of the current month; behind the last one it stays."""
    budgets, name = client("budgets"), unique("planned")
    planned = {"1577836800": {"Amount": "1", "Unit": "USD"}, "1580515200": {"Amount": "2", "Unit": "USD"}}
    made = budget(name, PlannedBudgetLimits=planned)
    del made["BudgetLimit"]
    budgets.create_budget(AccountId=ACCOUNT, Budget=made)
    told = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    assert told["BudgetLimit"] == {"Amount": "2.0", "Unit": "USD"}
    assert set(told["PlannedBudgetLimits"]) == set(planned)


def test_pages(client):
    """Listings by name, page by page."""
    account = "888888880001"
    budgets = client("budgets", account=account)
    for number in range(5):
        budgets.create_budget(AccountId=account, Budget=budget(f"b{number}"))
    pages = budgets.get_paginator("describe_budgets").paginate(AccountId=account, PaginationConfig={"PageSize": 2})
    found = [[one["BudgetName"] for one in page["Budgets"]] for page in pages]
    assert found == [["b0", "b1"], ["b2", "b3"], ["b4"]]
    with pytest.raises(ClientError) as caught:
        budgets.describe_budgets(AccountId=account, NextToken="?")
    assert caught.value.response["Error"]["Code"] == "InvalidNextTokenException"


def test_history(client, unique):
    """A month for each since the budget began."""
    budgets, name = client("budgets"), unique("history")
    today = datetime.datetime.now(datetime.UTC)
    start = (today.replace(day=1) - datetime.timedelta(days=40)).replace(day=1, hour=0, minute=0, second=0)
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget(name, TimePeriod={"Start": start.replace(microsecond=0)}))
    told = budgets.describe_budget_performance_history(AccountId=ACCOUNT, BudgetName=name)["BudgetPerformanceHistory"]
    amounts = told["BudgetedAndActualAmountsList"]
    assert len(amounts) == 3
    assert amounts[-1]["TimePeriod"]["Start"] == today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert amounts[0]["ActualAmount"]["Unit"] == "USD"
    assert amounts[0]["BudgetedAmount"]["Amount"] == "10.0"
    yearly = unique("yearly")
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget(yearly, TimeUnit="ANNUALLY"))
    assert code_of(budgets.describe_budget_performance_history, BudgetName=yearly) == "InvalidParameterException"


def test_tags(client, unique):
    """Tags come with the budget, and go with it."""
    budgets, name = client("budgets"), unique("tagged")
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/{name}"
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget=budget(name),
        ResourceTags=[{"Key": "team", "Value": "blue"}, {"Key": "x", "Value": ""}],
    )
    budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "team", "Value": "red"}])
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["x"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "team", "Value": "red"}]
    with pytest.raises(ClientError) as caught:
        budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": f"k{n}", "Value": ""} for n in range(60)])
    assert caught.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    budgets.delete_budget(AccountId=ACCOUNT, BudgetName=name)
    with pytest.raises(ClientError) as caught:
        budgets.list_tags_for_resource(ResourceARN=arn)
    assert caught.value.response["Error"]["Code"] == "NotFoundException"
