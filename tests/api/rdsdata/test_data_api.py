"""The Data API: SQL over HTTPS on a cluster, as a secret's user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


class Api:
    """A cluster with its master's secret."""

    def __init__(self, client: Any, arn: str, secret: str) -> None:
        self.client, self.arn, self.secret = client, arn, secret

    def run(self, sql: str, *parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
        options = {"database": "app", **options}
        return dict(
            self.client.execute_statement(
                resourceArn=self.arn, secretArn=self.secret, sql=sql, parameters=list(parameters), **options
            )
        )

    def refused(self, sql: str, *parameters: dict[str, Any], **options: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            self.run(sql, *parameters, **options)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]


def value(name: str, kind: str, content: Any, hint: str | None = None) -> dict[str, Any]:
    return {"name": name, "value": {kind: content}} | ({"typeHint": hint} if hint else {})


@pytest.fixture(scope="module")
def api(client: Callable[..., Any]) -> Iterator[Api]:
    rds = client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="data-api",
        Engine="aurora-postgresql",
        MasterUsername="master",
        ManageMasterUserPassword=True,
        DatabaseName="app",
        EnableHttpEndpoint=True,
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 2},
    )
    rds.create_db_instance(
        DBInstanceIdentifier="data-api-1",
        DBClusterIdentifier="data-api",
        Engine="aurora-postgresql",
        DBInstanceClass="db.serverless",
    )
    waiting.instance(rds, "data-api-1")
    found = waiting.cluster(rds, "data-api")
    yield Api(client("rds-data"), found["DBClusterArn"], found["MasterUserSecret"]["SecretArn"])
    rds.delete_db_instance(DBInstanceIdentifier="data-api-1", SkipFinalSnapshot=True)
    waiting.gone(rds, "data-api-1")
    rds.delete_db_cluster(DBClusterIdentifier="data-api", SkipFinalSnapshot=True)


def test_values_of_every_kind(api: Api) -> None:
    """Parameters go in and fields come out as AWS types them."""
    api.run(
        "CREATE TABLE kinds (id serial PRIMARY KEY, b boolean, n bigint, f float8, t text, d numeric(10,2), "
        "raw bytea, u uuid, j jsonb, day date, at timestamp, list int[], words text[])"
    )
    made = api.run(
        "INSERT INTO kinds (b, n, f, t, d, raw, u, j, day, at, list, words) VALUES "
        "(:b, :n, :f, :t, :d, :raw, :u, :j, :day, :at, '{1,2}', '{\"a b\",c}') RETURNING id",
        value("b", "booleanValue", True),
        value("n", "longValue", 1 << 40),
        value("f", "doubleValue", 1.5),
        value("t", "stringValue", "o'clock :not ::a $1"),
        value("d", "stringValue", "12.50", "DECIMAL"),
        value("raw", "blobValue", b"\x00\xff"),
        value("u", "stringValue", "6f2d1e8a-0000-4000-8000-000000000001", "UUID"),
        value("j", "stringValue", '{"a": 1}', "JSON"),
        value("day", "stringValue", "2026-02-03", "DATE"),
        value("at", "stringValue", "2026-02-03 04:05:06.5", "TIMESTAMP"),
    )
    assert made["records"] == [[{"longValue": 1}]] and made["numberOfRecordsUpdated"] == 1
    row = api.run("SELECT * FROM kinds WHERE id = :id", value("id", "longValue", 1))["records"][0]
    assert row == [
        {"longValue": 1},
        {"booleanValue": True},
        {"longValue": 1 << 40},
        {"doubleValue": 1.5},
        {"stringValue": "o'clock :not ::a $1"},
        {"stringValue": "12.50"},
        {"blobValue": b"\x00\xff"},
        {"stringValue": "6f2d1e8a-0000-4000-8000-000000000001"},
        {"stringValue": '{"a": 1}'},
        {"stringValue": "2026-02-03"},
        {"stringValue": "2026-02-03 04:05:06.5"},
        {"arrayValue": {"longValues": [1, 2]}},
        {"arrayValue": {"stringValues": ["a b", "c"]}},
    ]
    options = {"decimalReturnType": "DOUBLE_OR_LONG", "longReturnType": "STRING"}
    assert api.run("SELECT 1.5::numeric, 7::bigint, NULL::text", resultSetOptions=options)["records"] == [
        [{"doubleValue": 1.5}, {"stringValue": "7"}, {"isNull": True}]
    ]


def test_metadata_and_json(api: Api) -> None:
    """includeResultMetadata and formatRecordsAs."""
    api.run("CREATE TABLE people (id bigserial, name varchar(20) NOT NULL)")
    api.run("INSERT INTO people (name) VALUES ('ann'), ('bob')")
    found = api.run("SELECT id, name FROM people ORDER BY id", includeResultMetadata=True)
    about = found["columnMetadata"]
    assert [(one["name"], one["typeName"], one["tableName"]) for one in about] == [
        ("id", "bigserial", "people"),
        ("name", "varchar", "people"),
    ]
    assert about[0]["isAutoIncrement"] and about[1]["nullable"] == 0 and about[1]["precision"] == 20
    found = api.run("SELECT id, name FROM people ORDER BY id", formatRecordsAs="JSON")
    assert orjson.loads(found["formattedRecords"]) == [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}]
    assert "records" not in found


def test_transactions(api: Api) -> None:
    """Seen inside, not outside; committed or rolled back; then gone."""
    api.run("CREATE TABLE ledger (n int)")
    who = {"resourceArn": api.arn, "secretArn": api.secret}
    one = api.client.begin_transaction(**who, database="app")["transactionId"]
    api.run("INSERT INTO ledger VALUES (1)", transactionId=one)
    assert api.run("SELECT count(*) FROM ledger", transactionId=one)["records"] == [[{"longValue": 1}]]
    assert api.run("SELECT count(*) FROM ledger")["records"] == [[{"longValue": 0}]]
    assert api.client.rollback_transaction(**who, transactionId=one)["transactionStatus"] == "Rollback Complete"
    two = api.client.begin_transaction(**who, database="app")["transactionId"]
    api.run("INSERT INTO ledger VALUES (2)", transactionId=two)
    assert api.client.commit_transaction(**who, transactionId=two)["transactionStatus"] == "Transaction Committed"
    assert api.run("SELECT n FROM ledger")["records"] == [[{"longValue": 2}]]
    assert api.refused("SELECT 1", transactionId=two)[0] == "TransactionNotFoundException"


def test_batches_are_all_or_nothing(api: Api) -> None:
    """Many sets, one answer each; one that fails takes all with it."""
    api.run("CREATE TABLE batch (n int PRIMARY KEY)")
    call = {"resourceArn": api.arn, "secretArn": api.secret, "database": "app", "sql": "INSERT INTO batch VALUES (:n)"}
    sets = [[value("n", "longValue", number)] for number in range(5)]
    assert (
        api.client.batch_execute_statement(**call, parameterSets=sets)["updateResults"] == [{"generatedFields": []}] * 5
    )
    with pytest.raises(ClientError):
        api.client.batch_execute_statement(**call, parameterSets=[[value("n", "longValue", 9)], sets[0]])
    assert api.run("SELECT count(*) FROM batch")["records"] == [[{"longValue": 5}]]


def test_refusals(api: Api, client: Any) -> None:
    """The server's words with its SQLSTATE; AWS's own for the rest."""
    code, words = api.refused("SELECT * FROM nowhere")
    assert code == "DatabaseErrorException"
    assert words == 'ERROR: relation "nowhere" does not exist; Position: 15; SQLState: 42P01'
    assert api.refused("SELECT :missing")[0] == "BadRequestException"
    assert api.refused("SELECT 1; SELECT 2")[0] == "ValidationException"
    assert api.refused("SELECT :d::date", value("d", "stringValue", "soon", "DATE"))[0] == "BadRequestException"
    assert api.refused("SELECT repeat('x', 2000000)")[0] == "BadRequestException"
    assert api.refused("SELECT 1", database="nowhere")[0] == "BadRequestException"
    api.run("CREATE TABLE IF NOT EXISTS strict (u uuid)")
    code, words = api.refused(
        "INSERT INTO strict VALUES (:u)", value("u", "stringValue", "6f2d1e8a-0000-4000-8000-000000000001")
    )
    assert code == "DatabaseErrorException" and "character varying" in words
    other = Api(api.client, api.arn, api.secret + "x")
    assert other.refused("SELECT 1")[0] == "SecretsErrorException"
    nobody = Api(api.client, api.arn.replace("data-api", "nobody"), api.secret)
    assert nobody.refused("SELECT 1")[0] == "NotFoundException"


def test_the_endpoint_must_be_enabled(api: Api, client: Any) -> None:
    """DisableHttpEndpoint closes the door, EnableHttpEndpoint opens it."""
    rds = client("rds")
    rds.disable_http_endpoint(ResourceArn=api.arn)
    assert api.refused("SELECT 1")[0] == "HttpEndpointNotEnabledException"
    rds.enable_http_endpoint(ResourceArn=api.arn)
    assert api.run("SELECT 1")["records"] == [[{"longValue": 1}]]
