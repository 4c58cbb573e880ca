"""Metrics and alarms through boto3: what is put is what is computed, and alarms tell."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def cloudwatch(client):
    return client("cloudwatch")


def failed(call, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def minute() -> int:
    return int(time.time()) // 60 * 60 - 600


def put(cloudwatch, namespace: str, name: str, values: list[float], start: int, **more) -> None:
    data = [
        {"MetricName": name, "Value": value, "Timestamp": start + 60 * at, **more} for at, value in enumerate(values)
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def wait_for(condition, limit: float = 15.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_metrics_are_selected_by_sql(cloudwatch, unique) -> None:
    """Metrics Insights lays the metrics of a group together, and orders the groups."""
    namespace, start = unique("Test/ns"), minute()
    for path, who, value in (("/a", "x", 1), ("/a", "y", 5), ("/b", "x", 2), ("/c", "z", 9)):
        dimensions = [{"Name": "Path", "Value": path}, {"Name": "Who", "Value": who}]
        put(cloudwatch, namespace, "Hits", [value], start, Dimensions=dimensions)

    def select(text: str) -> list[tuple[str, list[float]]]:
        query = {"Id": "q", "Period": 60, "Expression": text.replace("NS", f'"{namespace}"')}
        found = cloudwatch.get_metric_data(StartTime=start - 60, EndTime=start + 120, MetricDataQueries=[query])
        return [(one["Label"], one["Values"]) for one in found["MetricDataResults"]]

    assert select("SELECT SUM(Hits) FROM NS") == [("q", [17.0])]
    assert select("SELECT MAX(Hits) FROM SCHEMA(NS, Path, Who) WHERE Path = '/a'") == [("q", [5.0])]
    assert select("SELECT MAX(Hits) FROM SCHEMA(NS, Path)") == [("q", [])]
    ordered = "SELECT SUM(Hits) FROM NS WHERE Path != '/c' GROUP BY Who ORDER BY SUM() DESC LIMIT 1"
    assert select(ordered) == [("y", [5.0])]
    assert select("SELECT AVG(Hits) FROM NS WHERE Path != '/c' GROUP BY Who") == [("x", [1.5]), ("y", [5.0])]
    with pytest.raises(ClientError) as error:
        select("SELECT BEST(Hits) FROM NS")
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_alarms_and_times_that_cannot_be_are_refused(cloudwatch, unique) -> None:
    """In AWS's words, which tools show to their users."""
    alarm = {
        "AlarmName": unique("a"),
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    told = failed(cloudwatch.put_metric_alarm, **alarm, ExtendedStatistic="90")
    assert told == ("InvalidParameterValue", "The value 90 for parameter ExtendedStatistic is not supported.")
    told = failed(
        cloudwatch.put_metric_alarm, **alarm, ExtendedStatistic="p90", EvaluateLowSampleCountPercentile="maybe"
    )
    assert told[0] == "ValidationError"
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    for end, words in ((0, "must not equal parameter EndTime"), (-60, "EndTime must be greater than StartTime")):
        told = failed(
            cloudwatch.get_metric_data,
            StartTime=minute(),
            EndTime=minute() + end,
            MetricDataQueries=[{"Id": "q", "MetricStat": stat}],
        )
        assert told[0] == "ValidationError"
        assert words in told[1]
    assert failed(cloudwatch.delete_dashboards, DashboardNames=[])[0] == "InvalidParameterValue"


def test_statistics_of_what_was_put(cloudwatch, unique) -> None:
    """Every form of data, every kind of statistic."""
    namespace, start = unique("ns"), minute()
    dimensions = [{"Name": "d", "Value": "1"}]
    put(cloudwatch, namespace, "m", [1, 2], start, Dimensions=dimensions, Unit="Count")
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": "m",
                "Dimensions": dimensions,
                "Unit": "Count",
                "Timestamp": start,
                "Values": [3, 4],
                "Counts": [1, 2],
            },
            {
                "MetricName": "s",
                "Timestamp": start,
                "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4},
            },
        ],
    )
    answer = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="m",
        Dimensions=dimensions,
        StartTime=start,
        EndTime=start + 120,
        Period=60,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
        ExtendedStatistics=["p50"],
    )
    assert answer["Label"] == "m"
    first = answer["Datapoints"][0]
    assert (first["SampleCount"], first["Sum"], first["Minimum"], first["Maximum"]) == (4.0, 12.0, 1.0, 4.0)
    assert (first["Average"], first["Unit"], first["ExtendedStatistics"]) == (3.0, "Count", {"p50": 3.5})
    assert first["Timestamp"].timestamp() == start
    whole = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="s", StartTime=start, EndTime=start + 60, Period=60, Statistics=["Average"]
    )
    assert whole["Datapoints"][0]["Average"] == 2.5
    listed = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    assert [(metric["MetricName"], metric["Dimensions"]) for metric in listed] == [("m", dimensions), ("s", [])]
    assert len(cloudwatch.list_metrics(Namespace=namespace, Dimensions=[{"Name": "d"}])["Metrics"]) == 1


def test_wrong_data_is_told(cloudwatch, unique) -> None:
    """Each mistake has its own code."""

    def put(**datum) -> tuple[str, str]:
        return failed(cloudwatch.put_metric_data, Namespace=unique("ns"), MetricData=[{"MetricName": "m", **datum}])

    assert put(Value=1, Values=[1])[0] == "InvalidParameterCombination"
    assert put(Value=float("nan")) == (
        "InvalidParameterValue",
        "The value NaN for parameter MetricData.member.1.Value is invalid.",
    )
    assert put(Values=[1], Counts=[1, 2])[1] == (
        "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."
    )
    assert failed(
        cloudwatch.get_metric_statistics,
        Namespace="x",
        MetricName="m",
        StartTime=2,
        EndTime=1,
        Period=60,
        Statistics=["Sum"],
    ) == ("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")


def test_maths_over_metrics(cloudwatch, unique) -> None:
    """Expressions see each other; only what returns data comes back."""
    namespace, start = unique("ns"), minute()
    put(cloudwatch, namespace, "a", [1, 2, 3], start)
    put(cloudwatch, namespace, "b", [10, 20], start)

    def stat(identity: str, name: str) -> dict:
        metric = {"Namespace": namespace, "MetricName": name}
        return {"Id": identity, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    def compute(expression: str) -> list[float]:
        answer = cloudwatch.get_metric_data(
            StartTime=start,
            EndTime=start + 180,
            ScanBy="TimestampAscending",
            MetricDataQueries=[stat("a", "a"), stat("b", "b"), {"Id": "e", "Expression": expression}],
        )
        assert [result["Id"] for result in answer["MetricDataResults"]] == ["e"]
        return answer["MetricDataResults"][0]["Values"]

    assert compute("a + b") == [11, 22]
    assert compute("100 * (b - a) / b") == [90, 90]
    assert compute("FILL(b, 0) + a") == [11, 22, 3]
    assert compute("SUM([a, b])") == [11, 22, 3]
    assert compute("SUM(METRICS())") == [11, 22, 3]
    assert compute("IF(a > 1, a, 0)") == [0, 2, 3]
    assert compute("DIFF(a)") == [1, 1]
    assert compute("RUNNING_SUM(a)") == [1, 3, 6]
    assert compute("RATE(b) * PERIOD(b)") == [10]
    assert compute("a / MAX(a)") == pytest.approx([1 / 3, 2 / 3, 1])
    assert (
        failed(
            cloudwatch.get_metric_data, StartTime=1, EndTime=2, MetricDataQueries=[{"Id": "e", "Expression": "x + 1"}]
        )[0]
        == "ValidationError"
    )


def test_newest_first_and_in_pages(cloudwatch, unique) -> None:
    """The order and the size of what GetMetricData gives."""
    namespace, start = unique("ns"), minute()
    put(cloudwatch, namespace, "m", [1, 2, 3], start)
    metric = {"Namespace": namespace, "MetricName": "m"}
    query = [{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}, "Label": "mine"}]
    asked = {"StartTime": start, "EndTime": start + 300, "MetricDataQueries": query}
    result = cloudwatch.get_metric_data(**asked)["MetricDataResults"][0]
    assert (result["Label"], result["Values"], result["StatusCode"]) == ("mine", [3, 2, 1], "Complete")
    page = cloudwatch.get_metric_data(**asked, MaxDatapoints=2)
    assert (page["MetricDataResults"][0]["Values"], "NextToken" in page) == ([3, 2], True)
    rest = cloudwatch.get_metric_data(**asked, MaxDatapoints=2, NextToken=page["NextToken"])
    assert rest["MetricDataResults"][0]["Values"] == [1]


def test_an_alarm_tells_its_topic(cloudwatch, client, unique) -> None:
    """A crossed threshold changes the state, is noted, and is published."""
    sns, sqs = client("sns"), client("sqs")
    url = sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    namespace, name = unique("ns"), unique("alarm")
    settings = {
        "AlarmName": name,
        "Namespace": namespace,
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [topic],
    }
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 6, "StorageResolution": 1}]
    )
    cloudwatch.put_metric_alarm(**settings)

    def alarm() -> dict:
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    wait_for(lambda: alarm()["StateValue"] == "ALARM")
    assert alarm()["StateReason"].startswith("Threshold Crossed: 1 datapoint [6.0 (")
    assert alarm()["StateReason"].endswith(")] was greater than the threshold (5.0).")
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"], told["Trigger"]["Statistic"]) == (name, "ALARM", "SUM")
    history = wait_for(
        lambda: [
            item
            for item in cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]
            if topic in item["HistorySummary"]
        ]
    )
    assert history[0]["HistorySummary"] == f"Successfully executed action {topic}"
    cloudwatch.delete_alarms(AlarmNames=[name])
    cloudwatch.delete_alarms(AlarmNames=[name])  # one that is gone is no error


def test_composite_alarms_follow(cloudwatch, unique) -> None:
    """A rule over other alarms' states."""
    one, two, both = (unique(name) for name in ("one", "two", "both"))
    for name in (one, two):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace=name,
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="ignore",
        )
    cloudwatch.put_composite_alarm(AlarmName=both, AlarmRule=f'ALARM("{one}") AND NOT OK({two})')

    def state() -> str:
        found = cloudwatch.describe_alarms(AlarmNames=[both], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return found[0]["StateValue"]

    assert state() == "OK"
    cloudwatch.set_alarm_state(AlarmName=one, StateValue="ALARM", StateReason="test")
    assert state() == "ALARM"
    cloudwatch.set_alarm_state(AlarmName=two, StateValue="OK", StateReason="test")
    assert state() == "OK"
    assert failed(cloudwatch.put_composite_alarm, AlarmName="x", AlarmRule="ALARM(nowhere)")[0] == "ValidationError"
    cloudwatch.delete_alarms(AlarmNames=[one, two, both])


def test_dashboards_detectors_tags(cloudwatch, unique) -> None:
    """Kept and told as they were put."""
    name = unique("d")
    body = json.dumps({"widgets": []})
    assert cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)["DashboardValidationMessages"] == []
    assert cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"] == body
    assert cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"][0]["Size"] == len(body)
    assert failed(cloudwatch.put_dashboard, DashboardName=name, DashboardBody="[")[0] == "InvalidParameterInput"
    cloudwatch.delete_dashboards(DashboardNames=[name])
    assert failed(cloudwatch.get_dashboard, DashboardName=name)[0] == "ResourceNotFound"
    cloudwatch.put_anomaly_detector(Namespace=name, MetricName="m", Stat="Average")
    assert len(cloudwatch.describe_anomaly_detectors(Namespace=name)["AnomalyDetectors"]) == 1
    cloudwatch.delete_anomaly_detector(Namespace=name, MetricName="m", Stat="Average")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Tags=[{"Key": "a", "Value": "1"}],
    )
    arn = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"] is False
    assert len(cloudwatch.describe_alarms_for_metric(Namespace=name, MetricName="m")["MetricAlarms"]) == 1
    cloudwatch.delete_alarms(AlarmNames=[name])


def test_metric_filters_count(cloudwatch, client, unique) -> None:
    """Log events that match become a metric."""
    logs = client("logs")
    group, namespace = unique("g"), unique("ns")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_metric_filter(
        logGroupName=group,
        filterName="f",
        filterPattern="{ $.ms > 0 }",
        metricTransformations=[{"metricName": "took", "metricNamespace": namespace, "metricValue": "$.ms"}],
    )
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now, "message": json.dumps({"ms": ms})} for ms in (5, 7)],
    )
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="took",
        StartTime=now // 1000 - 60,
        EndTime=now // 1000 + 60,
        Period=60,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    assert (points[0]["Sum"], points[0]["SampleCount"]) == (12, 2)
    logs.delete_log_group(logGroupName=group)
