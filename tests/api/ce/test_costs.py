"""Cost Explorer over what a test really did."""

import datetime
import time

import pytest
from botocore.exceptions import ClientError


def span():
    today = datetime.datetime.now(datetime.UTC).date()
    return {"Start": today.isoformat(), "End": (today + datetime.timedelta(days=1)).isoformat()}


def ask(ce, **more):
    request = {"TimePeriod": span(), "Granularity": "DAILY", "Metrics": ["UnblendedCost", "UsageQuantity"], **more}
    return ce.get_cost_and_usage(**request)["ResultsByTime"]


def test_requests_are_counted_and_priced(client, unique):
    """Ten puts of an account of its own: ten Tier 1 requests on its bill within seconds."""
    account = "777777777777"
    s3, ce = client("s3", account=account), client("ce", account=account)
    bucket = unique("bill")
    s3.create_bucket(Bucket=bucket)
    for number in range(9):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    grouped = [{"Type": "DIMENSION", "Key": "USAGE_TYPE"}]
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        groups = ask(ce, GroupBy=grouped)[0]["Groups"]
        found = {g["Keys"][0]: g["Metrics"] for g in groups}
        if "Requests-Tier1" in found and float(found["Requests-Tier1"]["UsageQuantity"]["Amount"]) >= 10:
            break
        time.sleep(0.2)
    assert float(found["Requests-Tier1"]["UsageQuantity"]["Amount"]) == 10
    services = ce.get_dimension_values(TimePeriod=span(), Dimension="SERVICE")["DimensionValues"]
    assert "Amazon Simple Storage Service" in [value["Value"] for value in services]
    only = {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon DynamoDB"]}}
    assert float(ask(ce, Filter=only)[0]["Total"]["UsageQuantity"]["Amount"]) == 0


def test_hours_to_come_cost_nothing(client, unique):
    """A month asked for to its end holds what was stored until now: an hour or two, not the rest of the month."""
    account = "777777777778"
    s3, ce = client("s3", account=account), client("ce", account=account)
    bucket = unique("stored")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * (1 << 20))
    today = datetime.datetime.now(datetime.UTC).date()
    whole = {"Start": today.isoformat(), "End": (today + datetime.timedelta(days=25)).isoformat()}
    only = {"Dimensions": {"Key": "USAGE_TYPE", "Values": ["TimedStorage-ByteHrs"]}}
    deadline = time.monotonic() + 15
    stored = 0.0
    while not stored and time.monotonic() < deadline:
        answer = ask(ce, TimePeriod=whole, Granularity="MONTHLY", Filter=only)
        stored = sum(float(one["Total"]["UsageQuantity"]["Amount"]) for one in answer)
        time.sleep(0.2)
    assert 0 < stored <= 2 / 1024 / 730


@pytest.mark.parametrize(
    "wrong",
    [
        {"Metrics": ["Nonsense"]},
        {"GroupBy": [{"Type": "DIMENSION", "Key": "NOPE"}]},
        {"TimePeriod": {"Start": "2026-02-01", "End": "2026-01-01"}},
        {"TimePeriod": {"Start": "soon", "End": "later"}},
    ],
)
def test_bad_requests(client, wrong):
    """Clear ValidationExceptions."""
    with pytest.raises(ClientError) as caught:
        ask(client("ce"), **wrong)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_forecast(client):
    """A forecast has a total and a row for each period."""
    today = datetime.datetime.now(datetime.UTC).date()
    period = {"Start": today.isoformat(), "End": (today + datetime.timedelta(days=3)).isoformat()}
    told = client("ce").get_cost_forecast(TimePeriod=period, Metric="UNBLENDED_COST", Granularity="DAILY")
    assert len(told["ForecastResultsByTime"]) == 3
