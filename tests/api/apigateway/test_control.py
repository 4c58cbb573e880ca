"""The control plane through boto3: what is made is told, what is wrong is refused in AWS's words."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.api.apigateway.making import mock, uri_of

FUNCTION = uri_of("arn:aws:lambda:us-east-1:000000000000:function:none")


@pytest.fixture(scope="module")
def gateway(client):
    return client("apigateway")


@pytest.fixture
def api(gateway, unique) -> str:
    return gateway.create_rest_api(name=unique("api"))["id"]


@pytest.fixture
def root(gateway, api) -> str:
    return gateway.get_resources(restApiId=api)["items"][0]["id"]


def refused(code: str, message: str, function, **request) -> None:
    with pytest.raises(ClientError) as caught:
        function(**request)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    assert message in caught.value.response["Error"]["Message"]


def patch(op: str, path: str, value: str | None = None, source: str | None = None) -> list[dict[str, str]]:
    one = {"op": op, "path": path, "value": value, "from": source}
    return [{key: text for key, text in one.items() if text is not None}]


def test_a_rest_api(gateway, unique) -> None:
    """Defaults, patches, lists, deletion."""
    name = unique("api")
    made = gateway.create_rest_api(name=name, description="d", tags={"a": "b"}, binaryMediaTypes=["image/png"])
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["apiKeySource"] == "HEADER"
    assert made["endpointConfiguration"] == {"types": ["EDGE"], "ipAddressType": "ipv4"}
    assert made["disableExecuteApiEndpoint"] is False
    assert made["rootResourceId"]
    assert len(made["id"]) == 10
    found = gateway.get_rest_api(restApiId=made["id"])
    assert (found["name"], found["tags"], found["binaryMediaTypes"]) == (name, {"a": "b"}, ["image/png"])
    changed = gateway.update_rest_api(
        restApiId=made["id"],
        patchOperations=[
            *patch("replace", "/name", "other"),
            *patch("add", "/binaryMediaTypes/image~1jpeg"),
            *patch("remove", "/binaryMediaTypes/image~1png"),
            *patch("replace", "/endpointConfiguration/types/EDGE", "REGIONAL"),
            *patch("replace", "/minimumCompressionSize", "100"),
            *patch("replace", "/disableExecuteApiEndpoint", "true"),
        ],
    )
    assert changed["name"] == "other"
    assert changed["binaryMediaTypes"] == ["image/jpeg"]
    assert changed["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert (changed["minimumCompressionSize"], changed["disableExecuteApiEndpoint"]) == (100, True)
    assert made["id"] in [
        one["id"] for page in gateway.get_paginator("get_rest_apis").paginate() for one in page["items"]
    ]
    assert gateway.delete_rest_api(restApiId=made["id"])["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused(
        "NotFoundException",
        f"Invalid API identifier specified 000000000000:{made['id']}",
        gateway.get_rest_api,
        restApiId=made["id"],
    )


def test_what_an_api_may_not_be(gateway, api) -> None:
    """Limits and patches that AWS refuses."""
    refused(
        "BadRequestException",
        "Invalid minimum compression size, must be between 0 and 10485760",
        gateway.create_rest_api,
        name="x",
        minimumCompressionSize=-1,
    )
    for operations in (
        patch("replace", "/nope", "x"),
        patch("remove", "/name"),
        patch("add", "/name", "x"),
        patch("test", "/name", "x"),
    ):
        refused(
            "BadRequestException", "Invalid patch", gateway.update_rest_api, restApiId=api, patchOperations=operations
        )


def test_enumerations_are_told_together(gateway, api) -> None:
    """AWS counts what its model forbids, and names each place."""
    wrong = patch("wrong", "/name", "x") + patch("replace", "/name", "x") + patch("worse", "/name", "x")
    where = "at 'updateRestApiInput.patchOperations.3.member.op' failed to satisfy constraint: Member must satisfy "
    for words in ("2 validation errors detected: Value 'wrong' at", f"; Value 'worse' {where}"):
        refused("ValidationException", words, gateway.update_rest_api, restApiId=api, patchOperations=wrong)
    endpoint = {"types": ["wrong"], "ipAddressType": "wrong"}
    words = "2 validation errors detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types'"
    refused("ValidationException", words, gateway.create_rest_api, name="x", endpointConfiguration=endpoint)
    two = {"types": ["EDGE", "REGIONAL"]}
    words = "Cannot create an api with multiple Endpoint Types."
    refused("BadRequestException", words, gateway.create_rest_api, name="x", endpointConfiguration=two)


def test_an_api_has_two_models(gateway, api) -> None:
    """Empty and Error, of which method responses speak."""
    assert sorted(one["name"] for one in gateway.get_models(restApiId=api)["items"]) == ["Empty", "Error"]
    refused(
        "NotFoundException", "Invalid model name specified: Nope", gateway.get_model, restApiId=api, modelName="Nope"
    )
    gateway.create_model(restApiId=api, name="Tag", contentType="application/json", schema='{"type": "string"}')
    reference = f"https://apigateway.amazonaws.com/restapis/{api}/models/Tag"
    schema = json.dumps({"type": "object", "properties": {"tag": {"$ref": reference}}})
    gateway.create_model(restApiId=api, name="Pet", contentType="application/json", schema=schema)
    flat = json.loads(gateway.get_model(restApiId=api, modelName="Pet", flatten=True)["schema"])
    assert flat["definitions"]["Tag"] == {"type": "string"}
    assert "$inputRoot.tag" in gateway.get_model_template(restApiId=api, modelName="Pet")["value"]
    refused(
        "ConflictException",
        "Model name already exists for this REST API",
        gateway.create_model,
        restApiId=api,
        name="Pet",
        contentType="application/json",
        schema="{}",
    )
    refused(
        "BadRequestException",
        "Invalid model",
        gateway.create_model,
        restApiId=api,
        name="Bad",
        contentType="application/json",
        schema="{",
    )
    refused("ConflictException", "Cannot delete model 'Tag'", gateway.delete_model, restApiId=api, modelName="Tag")
    gateway.delete_model(restApiId=api, modelName="Pet")
    gateway.delete_model(restApiId=api, modelName="Tag")


def test_resources(gateway, api, root) -> None:
    """A tree: names, siblings, moves, deletion of all below."""
    pets = gateway.create_resource(restApiId=api, parentId=root, pathPart="pets")
    assert (pets["path"], pets["parentId"], pets["pathPart"]) == ("/pets", root, "pets")
    one = gateway.create_resource(restApiId=api, parentId=pets["id"], pathPart="{id}")
    assert one["path"] == "/pets/{id}"
    refused(
        "ConflictException",
        "Another resource with the same parent already has this name: pets",
        gateway.create_resource,
        restApiId=api,
        parentId=root,
        pathPart="pets",
    )
    refused(
        "BadRequestException",
        "already has a variable path part -- only one is allowed",
        gateway.create_resource,
        restApiId=api,
        parentId=pets["id"],
        pathPart="{other}",
    )
    refused(
        "BadRequestException",
        "Resource's path part only allow",
        gateway.create_resource,
        restApiId=api,
        parentId=root,
        pathPart="a/b",
    )
    greedy = gateway.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")
    refused(
        "BadRequestException",
        "Cannot create a child of a resource with a greedy path variable: {proxy+}",
        gateway.create_resource,
        restApiId=api,
        parentId=greedy["id"],
        pathPart="x",
    )
    refused(
        "NotFoundException",
        "Invalid Resource identifier specified",
        gateway.create_resource,
        restApiId=api,
        parentId="nope",
        pathPart="x",
    )
    gateway.update_resource(restApiId=api, resourceId=pets["id"], patchOperations=patch("replace", "/pathPart", "cats"))
    assert gateway.get_resource(restApiId=api, resourceId=one["id"])["path"] == "/cats/{id}"
    first = gateway.get_resources(restApiId=api, limit=2)
    rest = gateway.get_resources(restApiId=api, limit=2, position=first["position"])
    assert len(first["items"]) == len(rest["items"]) == 2
    assert "position" not in rest
    gateway.delete_resource(restApiId=api, resourceId=pets["id"])
    assert {row["path"] for row in gateway.get_resources(restApiId=api)["items"]} == {"/", "/{proxy+}"}
    refused("BadRequestException", "", gateway.delete_resource, restApiId=api, resourceId=root)


def test_methods_and_integrations(gateway, api, root) -> None:
    """Put, told, patched, refused, removed: method, integration and both kinds of responses."""
    spot = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    refused("NotFoundException", "Invalid Method identifier specified", gateway.get_method, **spot)
    made = gateway.put_method(
        **spot, authorizationType="NONE", requestParameters={"method.request.querystring.q": True}
    )
    assert (made["httpMethod"], made["authorizationType"], made["apiKeyRequired"]) == ("GET", "NONE", False)
    refused(
        "ConflictException",
        "Method already exists for this resource",
        gateway.put_method,
        **spot,
        authorizationType="NONE",
    )
    other = spot | {"httpMethod": "POST"}
    refused(
        "BadRequestException",
        "Invalid authorizer ID specified",
        gateway.put_method,
        **other,
        authorizationType="CUSTOM",
    )
    refused(
        "BadRequestException",
        "Invalid model identifier specified: Nope",
        gateway.put_method,
        **other,
        authorizationType="NONE",
        requestModels={"application/json": "Nope"},
    )
    refused(
        "BadRequestException",
        "Invalid mapping expression parameter specified: method.request.cookie.x",
        gateway.put_method,
        **other,
        authorizationType="NONE",
        requestParameters={"method.request.cookie.x": True},
    )
    refused("NotFoundException", "Invalid Integration identifier specified", gateway.get_integration, **spot)
    refused("BadRequestException", "No integration defined for method", gateway.create_deployment, restApiId=api)
    refused(
        "BadRequestException",
        "Enumeration value for HttpMethod must be non-empty",
        gateway.put_integration,
        **spot,
        type="AWS_PROXY",
        uri=FUNCTION,
    )
    refused(
        "BadRequestException",
        "Invalid ARN specified in the request",
        gateway.put_integration,
        **spot,
        type="AWS",
        integrationHttpMethod="POST",
        uri="nope",
    )
    refused(
        "BadRequestException",
        "AWS ARN for integration must contain path or action",
        gateway.put_integration,
        **spot,
        type="AWS",
        integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:sqs:x/y",
    )
    refused(
        "BadRequestException",
        "currently only supports Lambda function and Firehose",
        gateway.put_integration,
        **spot,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:sqs:action/X",
    )
    refused(
        "AccessDeniedException",
        "Cross-account pass role is not allowed.",
        gateway.put_integration,
        **spot,
        type="AWS",
        integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:sqs:action/X",
        credentials="arn:aws:iam::999999999999:role/other",
    )
    refused(
        "BadRequestException",
        "Usage Plans cannot be disabled once enabled",
        gateway.update_account,
        patchOperations=patch("remove", "/features", "UsagePlans"),
    )
    refused(
        "BadRequestException",
        "Invalid HTTP endpoint specified for URI",
        gateway.put_integration,
        **spot,
        type="HTTP",
        integrationHttpMethod="GET",
        uri="nope",
    )
    refused(
        "BadRequestException",
        "Timeout should be between 50 ms and 29000 ms",
        gateway.put_integration,
        **spot,
        type="MOCK",
        timeoutInMillis=1,
    )
    refused(
        "BadRequestException",
        "Invalid mapping expression parameter specified: method.request.header.x",
        gateway.put_integration,
        **spot,
        type="MOCK",
        requestParameters={"integration.request.header.x": "method.request.header.x"},
    )
    put = gateway.put_integration(**spot, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    assert (put["passthroughBehavior"], put["timeoutInMillis"], put["cacheNamespace"]) == ("WHEN_NO_MATCH", 29000, root)
    assert put["cacheKeyParameters"] == []
    answer = spot | {"statusCode": "200"}
    refused(
        "BadRequestException",
        "No method response exists for method.",
        gateway.put_integration_response,
        **answer,
        responseParameters={"method.response.header.X": "'1'"},
    )
    gateway.put_method_response(**answer, responseParameters={"method.response.header.X": True})
    refused("ConflictException", "Response already exists for this resource", gateway.put_method_response, **answer)
    refused(
        "BadRequestException",
        "Invalid mapping expression parameter specified: method.response.header.Y",
        gateway.put_integration_response,
        **answer,
        responseParameters={"method.response.header.Y": "'1'"},
    )
    gateway.put_integration_response(
        **answer, responseParameters={"method.response.header.X": "'1'"}, selectionPattern=""
    )
    gateway.update_integration(
        **spot,
        patchOperations=patch("add", "/requestTemplates/application~1xml", "<x/>")
        + patch("replace", "/timeoutInMillis", "500"),
    )
    held = gateway.get_method(**spot)["methodIntegration"]
    assert set(held["requestTemplates"]) == {"application/json", "application/xml"}
    assert held["timeoutInMillis"] == 500
    assert held["integrationResponses"]["200"]["responseParameters"] == {"method.response.header.X": "'1'"}
    gateway.update_method(**spot, patchOperations=patch("replace", "/apiKeyRequired", "true"))
    assert gateway.get_method(**spot)["apiKeyRequired"] is True
    gateway.delete_integration_response(**answer)
    gateway.delete_method_response(**answer)
    gateway.delete_integration(**spot)
    gateway.delete_method(**spot)
    refused("NotFoundException", "Invalid Method identifier specified", gateway.delete_method, **spot)
    refused("BadRequestException", "The REST API doesn't contain any methods", gateway.create_deployment, restApiId=api)


def test_deployments_and_stages(gateway, api, root) -> None:
    """A stage holds its deployment; variables, settings and canaries are patched as the console does."""
    spot = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**spot, authorizationType="NONE")
    gateway.put_integration(**spot, type="MOCK")
    one = gateway.create_deployment(restApiId=api, stageName="dev", variables={"a": "1"})["id"]
    two = gateway.create_deployment(restApiId=api, description="two")["id"]
    stage = gateway.get_stage(restApiId=api, stageName="dev")
    assert (stage["deploymentId"], stage["variables"], stage["cacheClusterStatus"]) == (
        one,
        {"a": "1"},
        "NOT_AVAILABLE",
    )
    assert stage["methodSettings"] == {}
    summary = gateway.get_deployment(restApiId=api, deploymentId=one, embed=["apisummary"])["apiSummary"]
    assert summary == {"/": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    refused(
        "BadRequestException",
        "Active stages pointing to this deployment must be moved or deleted",
        gateway.delete_deployment,
        restApiId=api,
        deploymentId=one,
    )
    refused(
        "ConflictException",
        "Stage already exists",
        gateway.create_stage,
        restApiId=api,
        stageName="dev",
        deploymentId=one,
    )
    refused(
        "BadRequestException",
        "Stage name only allows",
        gateway.create_stage,
        restApiId=api,
        stageName="a b",
        deploymentId=one,
    )
    refused(
        "NotFoundException",
        "Invalid Deployment identifier specified",
        gateway.create_stage,
        restApiId=api,
        stageName="x",
        deploymentId="nope",
    )
    changed = gateway.update_stage(
        restApiId=api,
        stageName="dev",
        patchOperations=[
            *patch("replace", "/deploymentId", two),
            *patch("replace", "/variables/b", "2"),
            *patch("remove", "/variables/a"),
            *patch("replace", "/*/*/logging/loglevel", "INFO"),
            *patch("replace", "/~1pets/GET/throttling/burstLimit", "7"),
            *patch("replace", "/canarySettings/percentTraffic", "25"),
            *patch("replace", "/canarySettings/deploymentId", one),
            *patch("replace", "/canarySettings/stageVariableOverrides/b", "3"),
        ],
    )
    assert (changed["deploymentId"], changed["variables"]) == (two, {"b": "2"})
    assert changed["methodSettings"]["*/*"]["loggingLevel"] == "INFO"
    assert changed["methodSettings"]["~1pets/GET"]["throttlingBurstLimit"] == 7
    assert changed["canarySettings"]["stageVariableOverrides"] == {"b": "3"}
    promoted = gateway.update_stage(
        restApiId=api,
        stageName="dev",
        patchOperations=[
            *patch("copy", "/deploymentId", source="/canarySettings/deploymentId"),
            *patch("copy", "/variables", source="/canarySettings/stageVariableOverrides"),
            *patch("remove", "/canarySettings"),
        ],
    )
    assert (promoted["deploymentId"], promoted["variables"]) == (one, {"b": "3"})
    assert "canarySettings" not in promoted
    refused(
        "BadRequestException",
        "Invalid method setting path: /stageName. Must be one of: [/deploymentId, ",
        gateway.update_stage,
        restApiId=api,
        stageName="dev",
        patchOperations=patch("replace", "/stageName", "x"),
    )
    refused(
        "BadRequestException",
        "Access Log format must contain",
        gateway.update_stage,
        restApiId=api,
        stageName="dev",
        patchOperations=patch("replace", "/accessLogSettings/format", "$context.status"),
    )
    gateway.delete_stage(restApiId=api, stageName="dev")
    refused(
        "NotFoundException", "Invalid Stage identifier specified", gateway.get_stage, restApiId=api, stageName="dev"
    )
    gateway.delete_deployment(restApiId=api, deploymentId=one)


def test_keys_and_plans(gateway, unique) -> None:
    """Keys show their value when asked; plans can't be deleted in use."""
    value = unique("a-value-of-twenty-characters")
    key = gateway.create_api_key(name="mine", value=value, enabled=True, tags={"a": "b"})
    assert key["value"] == value
    assert "value" not in gateway.get_api_key(apiKey=key["id"])
    assert gateway.get_api_key(apiKey=key["id"], includeValue=True)["value"] == value
    refused("ConflictException", "API Key already exists", gateway.create_api_key, name="again", value=value)
    refused("BadRequestException", "API Key value should be at least 20 characters", gateway.create_api_key, value="x")
    changed = gateway.update_api_key(apiKey=key["id"], patchOperations=patch("replace", "/enabled", "false"))
    assert changed["enabled"] is False
    csv = f"name,key,description,enabled\nimported,{unique('imported-key-value-123')},x,true\n".encode()
    (imported,) = gateway.import_api_keys(body=csv, format="csv")["ids"]
    assert gateway.get_api_key(apiKey=imported)["name"] == "imported"
    plan = gateway.create_usage_plan(name="p", throttle={"rateLimit": 5.0, "burstLimit": 2})
    assert (plan["throttle"], plan["apiStages"]) == ({"rateLimit": 5.0, "burstLimit": 2}, [])
    refused("NotFoundException", "Invalid Usage Plan ID specified", gateway.get_usage_plan, usagePlanId="nope")
    refused("BadRequestException", "quota period", gateway.create_usage_plan, name="q", quota={"limit": 1})
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert [one["id"] for one in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]] == [key["id"]]
    assert [one["id"] for one in gateway.get_usage_plans(keyId=key["id"])["items"]] == [plan["id"]]
    usage = gateway.get_usage(usagePlanId=plan["id"], startDate="2030-01-01", endDate="2030-01-02")
    assert usage["items"] == {}
    gateway.delete_api_key(apiKey=key["id"])
    assert gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"] == []
    gateway.delete_usage_plan(usagePlanId=plan["id"])
    refused("NotFoundException", "Invalid API Key identifier specified", gateway.get_api_key, apiKey=key["id"])


def test_authorizers_and_validators(gateway, api, root) -> None:
    """Defaults of a TOKEN authorizer, and what keeps one from being deleted."""
    made = gateway.create_authorizer(
        restApiId=api,
        name="guard",
        type="TOKEN",
        authorizerUri=FUNCTION,
        identitySource="method.request.header.Authorization",
    )
    assert (made["authType"], "authorizerResultTtlInSeconds" in made) == ("custom", False)
    refused(
        "BadRequestException",
        "Invalid Authorizer URI",
        gateway.create_authorizer,
        restApiId=api,
        name="b",
        type="TOKEN",
        authorizerUri="nope",
    )
    spot = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**spot, authorizationType="CUSTOM", authorizerId=made["id"])
    refused(
        "ConflictException",
        "Cannot delete authorizer",
        gateway.delete_authorizer,
        restApiId=api,
        authorizerId=made["id"],
    )
    changed = gateway.update_authorizer(
        restApiId=api, authorizerId=made["id"], patchOperations=patch("replace", "/authorizerResultTtlInSeconds", "0")
    )
    assert changed["authorizerResultTtlInSeconds"] == 0
    validator = gateway.create_request_validator(restApiId=api, name="v", validateRequestBody=True)
    gateway.update_request_validator(
        restApiId=api,
        requestValidatorId=validator["id"],
        patchOperations=patch("replace", "/validateRequestParameters", "true"),
    )
    found = gateway.get_request_validators(restApiId=api)["items"]
    assert [(one["validateRequestBody"], one["validateRequestParameters"]) for one in found] == [(True, True)]
    refused(
        "NotFoundException",
        "Invalid Request Validator identifier specified",
        gateway.get_request_validator,
        restApiId=api,
        requestValidatorId="nope",
    )


def test_gateway_responses_documentation_and_tags(gateway, api) -> None:
    """Twenty-one kinds of gateway response; parts and versions; tags by ARN."""
    assert len(gateway.get_gateway_responses(restApiId=api)["items"]) == 21
    default = gateway.get_gateway_response(restApiId=api, responseType="THROTTLED")
    assert (default["statusCode"], default["defaultResponse"]) == ("429", True)
    gateway.put_gateway_response(restApiId=api, responseType="THROTTLED", statusCode="420")
    changed = gateway.update_gateway_response(
        restApiId=api,
        responseType="THROTTLED",
        patchOperations=patch("add", "/responseParameters/gatewayresponse.header.X", "'1'"),
    )
    assert (changed["statusCode"], changed["defaultResponse"]) == ("420", False)
    gateway.delete_gateway_response(restApiId=api, responseType="THROTTLED")
    location = {"type": "METHOD", "path": "/", "method": "GET"}
    part = gateway.create_documentation_part(restApiId=api, location=location, properties='{"description": "x"}')
    refused(
        "ConflictException", "", gateway.create_documentation_part, restApiId=api, location=location, properties="{}"
    )
    gateway.create_documentation_version(restApiId=api, documentationVersion="1")
    assert gateway.get_documentation_version(restApiId=api, documentationVersion="1")["version"] == "1"
    gateway.delete_documentation_part(restApiId=api, documentationPartId=part["id"])
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}"
    gateway.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    gateway.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert gateway.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    assert gateway.get_account()["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    certificate = gateway.generate_client_certificate(description="x")
    assert certificate["pemEncodedCertificate"].startswith("-----BEGIN CERTIFICATE-----")
    gateway.delete_client_certificate(clientCertificateId=certificate["clientCertificateId"])


@pytest.mark.parametrize("kind", ["oas30", "swagger"])
def test_export_and_import_are_each_others_inverse(gateway, kind: str) -> None:
    """What is exported with all extensions, imported again, exports the same."""
    post = mock(
        parameters=[{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
        requestBody={"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
    )
    post["responses"]["200"]["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}
    whole = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "7"},
        "paths": {"/pets/{id}": {"post": post}},
        "components": {"schemas": {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}}},
    }

    def export(body: bytes) -> dict:
        made = gateway.import_rest_api(body=body, failOnWarnings=True)["id"]
        gateway.create_deployment(restApiId=made, stageName="s")
        told = gateway.get_export(
            restApiId=made,
            stageName="s",
            exportType=kind,
            parameters={"extensions": "apigateway"},
            accepts="application/json",
        )
        text = told["body"].read().decode().replace(made, "ID")
        return json.loads(text)

    first = export(json.dumps(whole).encode())
    assert first["info"] == {"title": "t", "version": "7"}
    assert first["paths"]["/pets/{id}"]["post"]["x-amazon-apigateway-integration"]["type"] == "mock"
    assert export(json.dumps(first).encode()) == first


def test_import_modes(gateway, api) -> None:
    """merge keeps what is there, overwrite doesn't; YAML is read; nonsense is refused."""
    yaml = b"openapi: 3.0.1\ninfo: {title: y, version: '1'}\npaths:\n  /b:\n    get:\n      responses: {}\n"
    gateway.put_rest_api(restApiId=api, body=yaml.replace(b"/b", b"/a"))
    gateway.put_rest_api(restApiId=api, mode="merge", body=yaml)
    assert {one["path"] for one in gateway.get_resources(restApiId=api)["items"]} == {"/", "/a", "/b"}
    gateway.put_rest_api(restApiId=api, mode="overwrite", body=yaml)
    assert {one["path"] for one in gateway.get_resources(restApiId=api)["items"]} == {"/", "/b"}
    base = (
        b'{"swagger": "2.0", "info": {"title": "x"}, "basePath": "/v1/x", "paths": {"/c": {"get": {"responses": {}}}}}'
    )
    gateway.put_rest_api(restApiId=api, mode="overwrite", body=base, parameters={"basepath": "prepend"})
    assert "/v1/x/c" in {one["path"] for one in gateway.get_resources(restApiId=api)["items"]}
    for body in (b"nonsense", b"{}", b"[1]", b'{"openapi": "9"}'):
        refused("BadRequestException", "", gateway.put_rest_api, restApiId=api, body=body)


def test_trying_a_method(gateway, api, root) -> None:
    """TestInvokeMethod answers without a deployment, with its log."""
    spot = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**spot, authorizationType="AWS_IAM")
    gateway.put_integration(**spot, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**spot, statusCode="200")
    gateway.put_integration_response(
        **spot, statusCode="200", responseTemplates={"application/json": '{"q": "$input.params(\'q\')"}'}
    )
    tried = gateway.test_invoke_method(**spot, pathWithQueryString="/?q=7")
    assert (tried["status"], json.loads(tried["body"])) == (200, {"q": "7"})
    assert tried["headers"]["Content-Type"] == "application/json"
    lines = [line.rpartition(" : ")[2] for line in tried["log"].split("\n")]
    assert lines[2:] == [
        "HTTP Method: GET, Resource Path: /",
        "Method request path: {}",
        "Method request query string: {q=7}",
        "Method request headers: {}",
        "Method request body before transformations: ",
        'Method response body after transformations: {"q": "7"}',
        "Method response headers: {Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
        "",
    ]


def test_what_is_not_done_says_so(gateway, api) -> None:
    """Private links and SDKs are honest refusals."""
    with pytest.raises(ClientError) as caught:
        gateway.get_sdk_types()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
