"""Doing things: a function written and called, messages sent and received, SQL read, an item edited."""

from __future__ import annotations

import json

import pytest

from tests.api.ec2.waiting import until
from tests.api.rds import waiting
from tests.console.browser import is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")


def test_a_function_is_written_and_called(cloud, opened, client, unique):
    """Made from the list, called, its code changed and deployed, called again; its log is shown."""
    name = unique("console-function")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    page = opened(cloud, "functions")
    page.type("main form input", name)
    page.run(
        "const r = document.querySelector('input[list=roles]'); r.value = arguments[0]",
        f"arn:aws:iam::000000000000:role/{name}",
    )
    page.run("document.querySelector('main form').requestSubmit()")
    page.wait("return document.querySelector('#deploy')")
    page.wait("return document.querySelector('main dl').textContent.includes('● Active')")
    page.click("#run")
    page.wait("return document.querySelector('#result').textContent.includes('\"hello\"')", within=60)
    words = "def handler(event, context):\n    print('seen')\n    return 'changed ' + event['key']\n"
    page.run(
        "const a = document.querySelector('#code'); a.value = arguments[0]; a.dispatchEvent(new Event('input'))", words
    )
    page.click("#deploy")
    page.wait(
        "return document.querySelector('#flash').textContent.includes('Done') && "
        "document.querySelector('#code')?.value.includes('changed')"
    )
    page.click("#run")
    page.wait("return document.querySelector('#result').textContent.includes('changed value')", within=60)
    page.wait_text("seen\n")


def test_messages(cloud, opened, client, unique):
    """Sent by hand, received with their facts, deleted as by a consumer."""
    name = unique("console-queue")
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    page = opened(cloud, f"queues/{name}")
    page.type("#message", "by hand")
    page.click("#send")
    page.wait(
        "return document.querySelector('#flash').textContent.includes('Done') && document.querySelector('#receive')"
    )
    page.wait("return document.querySelector('#message').value === ''")
    page.click("#receive")
    page.wait("return document.querySelector('.card pre')?.textContent === 'by hand'")
    page.click(".card button.danger")
    page.wait("return !document.querySelector('.card')")
    seen = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert seen["ApproximateNumberOfMessagesNotVisible"] == seen["ApproximateNumberOfMessages"] == "0"


def test_items_plain_and_by_key(cloud, opened, client, unique):
    """Plain JSON is typed on saving; a query by key finds it; a mark deletes it."""
    name = unique("Console")
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    page = opened(cloud, f"tables/{name}")
    page.click("#plain")
    page.run(
        "document.querySelector('#item').value = arguments[0]",
        '{"id": "a", "n": 1.5, "list": [true, null, {"x": "y"}]}',
    )
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'Save').click()")
    wanted = {
        "id": {"S": "a"},
        "n": {"N": "1.5"},
        "list": {"L": [{"BOOL": True}, {"NULL": True}, {"M": {"x": {"S": "y"}}}]},
    }
    until(lambda: dynamodb.scan(TableName=name)["Items"] == [wanted])
    dynamodb.put_item(TableName=name, Item={"id": {"S": "b"}})
    page.run(
        "document.querySelector('main form input').value = 'b'; document.querySelector('main form').requestSubmit()"
    )
    page.wait(
        "return document.querySelectorAll('main tbody tr').length === 1 && "
        "document.querySelector('main tbody a').textContent === 'b'"
    )
    page.run("document.querySelector('main tbody input').click()")
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'Delete').click()")
    page.accept()
    until(lambda: dynamodb.scan(TableName=name)["Items"] == [wanted])


def test_sql_that_reads(cloud, opened, client, unique):
    """The typed log-in opens the database through the Data API; writing is refused, no secret stays behind."""
    rds, name = client("rds"), unique("console-db")
    rds.create_db_cluster(
        DBClusterIdentifier=name, Engine="aurora-postgresql", MasterUsername="master",
        MasterUserPassword="typed-in-by-hand", DatabaseName="app", EnableHttpEndpoint=True,
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 2},
    )  # fmt: skip
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-1",
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        DBInstanceClass="db.serverless",
    )
    waiting.instance(rds, f"{name}-1")
    waiting.cluster(rds, name)
    page = opened(cloud, f"databases/clusters/{name}")
    page.type("#sql-password", "typed-in-by-hand")
    page.type("#sql", "select 6 * 7 as answer, null as nothing", clear=True)
    page.click("#sql-run")
    page.wait("return document.querySelector('#sql-result tbody')?.innerText === '42\\tNULL'")
    page.type("#sql", "create table t (i int)", clear=True)
    page.click("#sql-run")
    page.wait("return document.querySelector('#flash').textContent.includes('read-only transaction')")
    page.type("#sql-password", "wrong", clear=True)
    page.click("#sql-run")
    page.wait("return /password|BadRequest/.test(document.querySelector('#flash').lastChild.textContent)")
    names = [one["Name"] for one in client("secretsmanager").list_secrets()["SecretList"]]
    assert not [one for one in names if one.startswith("haneul-console/")]
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1", SkipFinalSnapshot=True)
    waiting.gone(rds, f"{name}-1")
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
