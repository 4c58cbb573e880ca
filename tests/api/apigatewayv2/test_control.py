"""The control plane through boto3: what is made is told, what is wrong is refused in AWS's words."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:none"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def gateway(client):
    return client("apigatewayv2")


@pytest.fixture
def api(gateway, unique) -> str:
    return gateway.create_api(Name=unique("api"), ProtocolType="HTTP")["ApiId"]


@pytest.fixture
def socket_api(gateway, unique) -> str:
    return gateway.create_api(
        Name=unique("api"), ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]


def refused(code: str, message: str, function, **request) -> None:
    with pytest.raises(ClientError) as caught:
        function(**request)
    assert caught.value.response["Error"]["Code"] == code
    assert message in caught.value.response["Error"]["Message"]


def test_apis(gateway, unique) -> None:
    """Defaults as AWS has them; an update changes what it names; what is gone is told by account and id."""
    name = unique("api")
    made = gateway.create_api(Name=name, ProtocolType="HTTP", Tags={"a": "b"}, Description="first")
    identity = made["ApiId"]
    assert len(identity) == 10
    assert made["ApiEndpoint"] == f"https://{identity}.execute-api.us-east-1.amazonaws.com"
    assert made["RouteSelectionExpression"] == "$request.method $request.path"
    assert made["ApiKeySelectionExpression"] == "$request.header.x-api-key"
    assert made["DisableExecuteApiEndpoint"] is False
    assert (made["IpAddressType"], made["Tags"]) == ("ipv4", {"a": "b"})
    changed = gateway.update_api(ApiId=identity, Description="second", CorsConfiguration={"AllowOrigins": ["*"]})
    assert (changed["Name"], changed["Description"]) == (name, "second")
    assert changed["CorsConfiguration"] == {"AllowOrigins": ["*"], "AllowCredentials": False}
    assert "Description" not in gateway.update_api(ApiId=identity, Description="")
    gateway.delete_cors_configuration(ApiId=identity)
    assert "CorsConfiguration" not in gateway.get_api(ApiId=identity)
    gateway.delete_api(ApiId=identity)
    message = f"Invalid API identifier specified 000000000000:{identity}"
    refused("NotFoundException", message, gateway.get_api, ApiId=identity)


def test_apis_that_cannot_be(gateway) -> None:
    """Refused before anything is made."""
    create = gateway.create_api
    refused("BadRequestException", "RouteSelectionExpression", create, Name="x", ProtocolType="WEBSOCKET")
    refused("BadRequestException", "Wildcard", create, Name="x", ProtocolType="HTTP",
            CorsConfiguration={"AllowOrigins": ["*"], "AllowCredentials": True})  # fmt: skip
    refused("BadRequestException", "origin", create, Name="x", ProtocolType="HTTP",
            CorsConfiguration={"AllowOrigins": ["a.example"]})  # fmt: skip
    refused("BadRequestException", "Target", create, Name="x", ProtocolType="HTTP", RouteKey="GET /")


def test_pages(gateway, api) -> None:
    """MaxResults is text on this wire."""
    for number in range(5):
        gateway.create_route(ApiId=api, RouteKey=f"GET /{number}")
    found, token = [], None
    while True:
        more = {"NextToken": token} if token else {}
        page = gateway.get_routes(ApiId=api, MaxResults="2", **more)
        assert len(page["Items"]) <= 2
        found += [one["RouteKey"] for one in page["Items"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert found == [f"GET /{number}" for number in range(5)]


def test_routes(gateway, api) -> None:
    """Keys are unique and formed; targets and authorizers must be there."""
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=FUNCTION, PayloadFormatVersion="2.0"
    )
    identity = integration["IntegrationId"]
    assert (integration["ConnectionType"], integration["TimeoutInMillis"]) == ("INTERNET", 30000)
    assert integration["IntegrationMethod"] == "POST"
    route = gateway.create_route(ApiId=api, RouteKey="GET /pets/{id}", Target=f"integrations/{identity}")
    assert (route["AuthorizationType"], route["ApiKeyRequired"]) == ("NONE", False)
    refused("ConflictException", "GET /pets/{id} already exists", gateway.create_route, ApiId=api,
            RouteKey="GET /pets/{id}")  # fmt: skip
    for key in ("GET pets", "FETCH /pets", "GET /{proxy+}/more", "nonsense"):
        with pytest.raises(ClientError) as caught:
            gateway.create_route(ApiId=api, RouteKey=key)
        assert caught.value.response["Error"]["Code"] == "BadRequestException"
    refused("NotFoundException", "Integration", gateway.create_route, ApiId=api, RouteKey="GET /x",
            Target="integrations/nope")  # fmt: skip
    refused("BadRequestException", "authorizer", gateway.update_route, ApiId=api, RouteId=route["RouteId"],
            AuthorizationType="JWT", AuthorizerId="nope")  # fmt: skip
    message = (
        f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{route['RouteId']}]"
    )
    refused("ConflictException", message, gateway.delete_integration, ApiId=api, IntegrationId=identity)
    changed = gateway.update_route(ApiId=api, RouteId=route["RouteId"], RouteKey="ANY /pets/{id}")
    assert (changed["RouteKey"], changed["Target"]) == ("ANY /pets/{id}", f"integrations/{identity}")
    gateway.delete_route(ApiId=api, RouteId=route["RouteId"])
    gateway.delete_integration(ApiId=api, IntegrationId=identity)
    refused("NotFoundException", route["RouteId"], gateway.get_route, ApiId=api, RouteId=route["RouteId"])


def test_maps_are_merged(gateway, api) -> None:
    """An update of parameters replaces what it names; an empty value removes."""
    made = gateway.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri="https://example.com/",
        RequestParameters={"append:header.a": "1", "append:header.b": "2"},
        ResponseParameters={"200": {"append:header.c": "3"}},
    )  # fmt: skip
    changed = gateway.update_integration(
        ApiId=api, IntegrationId=made["IntegrationId"],
        RequestParameters={"append:header.a": "", "append:header.b": "3"}, ResponseParameters={"200": {}},
    )  # fmt: skip
    assert changed["RequestParameters"] == {"append:header.b": "3"}
    assert "ResponseParameters" not in changed
    refused("BadRequestException", "mapping", gateway.update_integration, ApiId=api,
            IntegrationId=made["IntegrationId"], RequestParameters={"header.a": "1"})  # fmt: skip
    refused("BadRequestException", "Operations on header authorization are restricted", gateway.update_integration,
            ApiId=api, IntegrationId=made["IntegrationId"],
            RequestParameters={"append:header.Authorization": "1"})  # fmt: skip


def test_integrations_that_cannot_be(gateway, api, socket_api) -> None:
    """HTTP APIs have fewer kinds than WebSocket APIs, and service integrations need their parameters."""
    create = gateway.create_integration
    refused("BadRequestException", "MOCK", create, ApiId=api, IntegrationType="MOCK")
    refused("BadRequestException", "timeoutInMillis", create, ApiId=api, IntegrationType="AWS_PROXY",
            IntegrationUri=FUNCTION, TimeoutInMillis=30001)  # fmt: skip
    refused("BadRequestException", "MessageBody", create, ApiId=api, IntegrationType="AWS_PROXY",
            IntegrationSubtype="SQS-SendMessage", CredentialsArn="arn:aws:iam::000000000000:role/x",
            RequestParameters={"QueueUrl": "q"})  # fmt: skip
    refused("NotFoundException", "VPC", create, ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY",
            ConnectionType="VPC_LINK", ConnectionId="nope", IntegrationUri="http://x/")  # fmt: skip
    made = create(ApiId=socket_api, IntegrationType="MOCK")
    assert (made["PassthroughBehavior"], made["TimeoutInMillis"]) == ("WHEN_NO_MATCH", 29000)


def test_authorizers(gateway, api) -> None:
    """What a kind needs it must have; what routes use can't be deleted."""
    create = gateway.create_authorizer
    refused("BadRequestException", "AuthorizerPayloadFormatVersion", create, ApiId=api, Name="x",
            AuthorizerType="REQUEST", AuthorizerUri=FUNCTION, IdentitySource=["$request.header.x"])  # fmt: skip
    refused("BadRequestException", "ssuer", create, ApiId=api, Name="x", AuthorizerType="JWT",
            IdentitySource=["$request.header.x"], JwtConfiguration={"Audience": ["a"], "Issuer": "x"})  # fmt: skip
    made = create(ApiId=api, Name="tokens", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
                  JwtConfiguration={"Audience": ["a"], "Issuer": "https://issuer.example"})  # fmt: skip
    route = gateway.create_route(
        ApiId=api, RouteKey="GET /", AuthorizationType="JWT", AuthorizerId=made["AuthorizerId"],
        AuthorizationScopes=["read"],
    )  # fmt: skip
    refused("ConflictException", route["RouteId"], gateway.delete_authorizer, ApiId=api,
            AuthorizerId=made["AuthorizerId"])  # fmt: skip
    changed = gateway.update_route(
        ApiId=api, RouteId=route["RouteId"], AuthorizationType="NONE", AuthorizationScopes=[]
    )
    assert "AuthorizerId" not in changed
    assert "AuthorizationScopes" not in changed
    gateway.delete_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    assert gateway.get_authorizers(ApiId=api)["Items"] == []


def test_stages_and_deployments(gateway, api) -> None:
    """A stage that deploys by itself takes no deployment; one that serves a deployment keeps it."""
    refused("BadRequestException", "At least one route is required", gateway.create_deployment, ApiId=api)
    early = gateway.create_stage(ApiId=api, StageName="early", AutoDeploy=True)
    assert "At least one route is required" in early["LastDeploymentStatusMessage"]
    gateway.create_route(ApiId=api, RouteKey="GET /")
    early = gateway.get_stage(ApiId=api, StageName="early")
    assert early["DeploymentId"] in early["LastDeploymentStatusMessage"]
    gateway.delete_stage(ApiId=api, StageName="early")
    gateway.delete_deployment(ApiId=api, DeploymentId=early["DeploymentId"])
    deployment = gateway.create_deployment(ApiId=api, Description="by hand")
    assert (deployment["AutoDeployed"], deployment["DeploymentStatus"]) == (False, "DEPLOYED")
    identity = deployment["DeploymentId"]
    stage = gateway.create_stage(ApiId=api, StageName="dev", DeploymentId=identity, StageVariables={"a": "b"})
    assert (stage["DefaultRouteSettings"], stage["AutoDeploy"]) == ({"DetailedMetricsEnabled": False}, False)
    refused("ConflictException", "Stage already exists", gateway.create_stage, ApiId=api, StageName="dev")
    refused("BadRequestException", "Active stages", gateway.delete_deployment, ApiId=api, DeploymentId=identity)
    refused("NotFoundException", "Unable to find Route by key GET /x within the provided RouteSettings",
            gateway.update_stage, ApiId=api, StageName="dev",
            RouteSettings={"GET /x": {"ThrottlingBurstLimit": 1}})  # fmt: skip
    changed = gateway.update_stage(ApiId=api, StageName="dev", StageVariables={"a": "", "c": "d"})
    assert changed["StageVariables"] == {"c": "d"}
    automatic = gateway.update_stage(ApiId=api, StageName="dev", AutoDeploy=True)
    assert automatic["DeploymentId"] != identity
    refused("BadRequestException", "AutoDeploy", gateway.update_stage, ApiId=api, StageName="dev",
            DeploymentId=identity)  # fmt: skip
    gateway.delete_deployment(ApiId=api, DeploymentId=identity)
    told = gateway.get_deployments(ApiId=api)["Items"]
    assert [one["AutoDeployed"] for one in told] == [True]
    gateway.delete_stage(ApiId=api, StageName="dev")
    refused("NotFoundException", "stage", gateway.get_stage, ApiId=api, StageName="dev")


def test_answers_of_socket_apis(gateway, api, socket_api) -> None:
    """Integration and route responses, models: WebSocket APIs' alone."""
    integration = gateway.create_integration(ApiId=socket_api, IntegrationType="MOCK")["IntegrationId"]
    route = gateway.create_route(ApiId=socket_api, RouteKey="x", Target=f"integrations/{integration}")["RouteId"]
    answer = gateway.create_route_response(ApiId=socket_api, RouteId=route, RouteResponseKey="$default")
    told = gateway.get_route_responses(ApiId=socket_api, RouteId=route)["Items"]
    assert [one["RouteResponseId"] for one in told] == [answer["RouteResponseId"]]
    response = gateway.create_integration_response(
        ApiId=socket_api, IntegrationId=integration, IntegrationResponseKey="/4\\d\\d/", ResponseTemplates={"a": "b"}
    )
    told = gateway.get_integration_response(
        ApiId=socket_api, IntegrationId=integration, IntegrationResponseId=response["IntegrationResponseId"]
    )
    assert told["ResponseTemplates"] == {"a": "b"}
    schema = json.dumps({"type": "object", "properties": {"name": {"type": "string"}}})
    model = gateway.create_model(ApiId=socket_api, Name="Pet", Schema=schema, ContentType="application/json")
    template = gateway.get_model_template(ApiId=socket_api, ModelId=model["ModelId"])["Value"]
    assert '"name" : "$inputRoot.name"' in template
    gateway.update_route(ApiId=socket_api, RouteId=route, RequestModels={"$default": "Pet"})
    refused("ConflictException", "Pet", gateway.delete_model, ApiId=socket_api, ModelId=model["ModelId"])
    refused("BadRequestException", "HTTP", gateway.create_model, ApiId=api, Name="Pet", Schema="{}")
    refused("BadRequestException", "$connect", gateway.update_route, ApiId=socket_api, RouteId=route,
            AuthorizationType="AWS_IAM")  # fmt: skip


def test_domains(gateway, api, client, unique) -> None:
    """One list with API Gateway's first API, as far as names go; mappings keep their API and stage alive."""
    name = f"{unique('api')}.example.com"
    made = gateway.create_domain_name(
        DomainName=name, DomainNameConfigurations=[{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}]
    )
    told = made["DomainNameConfigurations"][0]
    assert told["ApiGatewayDomainName"].endswith(".execute-api.us-east-1.amazonaws.com")
    assert (told["SecurityPolicy"], told["DomainNameStatus"]) == ("TLS_1_2", "AVAILABLE")
    assert made["ApiMappingSelectionExpression"] == "$request.basepath"
    gateway.create_stage(ApiId=api, StageName="dev")
    mapping = gateway.create_api_mapping(DomainName=name, ApiId=api, Stage="dev", ApiMappingKey="a/b")
    refused("ConflictException", "ApiMapping key already exists", gateway.create_api_mapping, DomainName=name,
            ApiId=api, Stage="dev", ApiMappingKey="a/b")  # fmt: skip
    refused("BadRequestException", "stage", gateway.create_api_mapping, DomainName=name, ApiId=api, Stage="nope")
    refused("BadRequestException", "mappings", gateway.delete_api, ApiId=api)
    gateway.delete_api_mapping(DomainName=name, ApiMappingId=mapping["ApiMappingId"])
    rest = f"{unique('rest')}.example.com"
    client("apigateway").create_domain_name(
        domainName=rest, regionalCertificateArn=CERTIFICATE, endpointConfiguration={"types": ["REGIONAL"]}
    )
    refused("ConflictException", "already exists", gateway.create_domain_name, DomainName=rest,
            DomainNameConfigurations=[{"CertificateArn": CERTIFICATE}])  # fmt: skip
    gateway.delete_domain_name(DomainName=name)


def test_links_and_tags(gateway, api) -> None:
    """Tags of APIs, stages, domains and links, by ARN."""
    link = gateway.create_vpc_link(Name="x", SubnetIds=["subnet-1"], Tags={"a": "1"})
    assert link["VpcLinkStatus"] == "AVAILABLE"
    gateway.create_stage(ApiId=api, StageName="dev")
    for path in (f"/vpclinks/{link['VpcLinkId']}", f"/apis/{api}", f"/apis/{api}/stages/dev"):
        arn = f"arn:aws:apigateway:us-east-1::{path}"
        gateway.tag_resource(ResourceArn=arn, Tags={"b": "2", "c": "3"})
        gateway.untag_resource(ResourceArn=arn, TagKeys=["c"])
        assert gateway.get_tags(ResourceArn=arn)["Tags"]["b"] == "2"
        assert "c" not in gateway.get_tags(ResourceArn=arn)["Tags"]
    gateway.delete_vpc_link(VpcLinkId=link["VpcLinkId"])


DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"title": "pets", "version": "7", "description": "all of them"},
    "tags": [{"name": "owner", "x-amazon-apigateway-tag-value": "me"}],
    "x-amazon-apigateway-cors": {"allowOrigins": ["*"], "maxAge": 5},
    "paths": {
        "/pets/{id}": {
            "get": {
                "operationId": "GetPet",
                "security": [{"tokens": ["read"]}],
                "x-amazon-apigateway-integration": {
                    "type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION, "payloadFormatVersion": "2.0",
                },
            },
            "x-amazon-apigateway-any-method": {
                "x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/web"}
            },
        },
        "/$default": {
            "x-amazon-apigateway-any-method": {
                "x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/web"}
            }
        },
    },
    "components": {
        "x-amazon-apigateway-integrations": {
            "web": {
                "type": "http_proxy", "httpMethod": "ANY", "uri": "https://example.com/", "payloadFormatVersion": "1.0",
                "requestParameters": {"append:header.a": "1"},
            }
        },
        "securitySchemes": {
            "tokens": {
                "type": "oauth2",
                "x-amazon-apigateway-authorizer": {
                    "type": "jwt", "identitySource": "$request.header.Authorization",
                    "jwtConfiguration": {"issuer": "https://issuer.example", "audience": ["app"]},
                },
            }
        },
    },
}  # fmt: skip


def test_documents_there_and_back(gateway) -> None:
    """An export of an import imports to the same."""
    made = gateway.import_api(Body=json.dumps(DOCUMENT))
    identity = made["ApiId"]
    assert (made["Name"], made["Version"], made["Tags"]) == ("pets", "7", {"owner": "me"})
    assert made["CorsConfiguration"]["AllowOrigins"] == ["*"]

    def told(api: str) -> tuple:
        routes = {one["RouteKey"]: one for one in gateway.get_routes(ApiId=api)["Items"]}
        targets = {key: one["Target"].partition("/")[2] for key, one in routes.items()}
        held = {
            key: gateway.get_integration(ApiId=api, IntegrationId=target)["IntegrationUri"]
            for key, target in targets.items()
        }
        return held, routes["GET /pets/{id}"]["AuthorizationScopes"], routes["GET /pets/{id}"]["OperationName"]

    before = told(identity)
    assert before == (
        {"GET /pets/{id}": FUNCTION, "ANY /pets/{id}": "https://example.com/", "$default": "https://example.com/"},
        ["read"],
        "GetPet",
    )
    assert len(gateway.get_integrations(ApiId=identity)["Items"]) == 2
    for output in ("JSON", "YAML"):
        body = gateway.export_api(ApiId=identity, Specification="OAS30", OutputType=output)["body"].read()
        again = gateway.import_api(Body=body.decode())
        assert told(again["ApiId"]) == before
        assert again["CorsConfiguration"]["MaxAge"] == 5
    smaller = {**DOCUMENT, "paths": {"/one": {"get": {}}}, "info": {"title": "one"}}
    changed = gateway.reimport_api(ApiId=identity, Body=json.dumps(smaller))
    assert changed["Name"] == "one"
    assert changed["Warnings"]
    assert [one["RouteKey"] for one in gateway.get_routes(ApiId=identity)["Items"]] == ["GET /one"]
    refused("BadRequestException", "Warnings found", gateway.reimport_api, ApiId=identity, Body=json.dumps(smaller),
            FailOnWarnings=True)  # fmt: skip
    schema = {"schema": {"$ref": "#/components/schemas/Nowhere"}}
    response = {"responses": {"200": {"description": "x", "content": {"application/json": schema}}}}
    warned = gateway.import_api(Body=json.dumps({**smaller, "paths": {"/one": {"get": response}}}))["Warnings"]
    place = "paths.'/one'(get).responses.200.content.schema.#/components/schemas/Nowhere"
    assert f"Parse issue: attribute {place} is missing" in warned
    refused("BadRequestException", "", gateway.import_api, Body="nonsense: [")


def test_base_paths(gateway) -> None:
    """Ignored, prepended, or split behind its first part."""
    servers = [{"url": "https://example.com/{basePath}", "variables": {"basePath": {"default": "v1/all"}}}]
    document = json.dumps(
        {"openapi": "3.0.1", "info": {"title": "x"}, "servers": servers, "paths": {"/a": {"get": {}}}}
    )
    for mode, key in (("ignore", "GET /a"), ("prepend", "GET /v1/all/a"), ("split", "GET /all/a")):
        made = gateway.import_api(Body=document, Basepath=mode)["ApiId"]
        assert gateway.get_routes(ApiId=made)["Items"][0]["RouteKey"] == key


def test_what_is_not_here(gateway) -> None:
    """501, not a stub."""
    refused("NotImplemented", "", gateway.list_portals)


def test_it_is_still_there_after_a_kill(fresh_cloud) -> None:
    """What was answered is on disk, snapshot and all."""
    cloud = fresh_cloud()
    gateway = cloud.client("apigatewayv2")
    made = gateway.create_api(Name="kept", ProtocolType="HTTP", Target="http://127.0.0.1:9/")["ApiId"]
    cloud.kill()
    cloud.restart()
    gateway = cloud.client("apigatewayv2")
    assert gateway.get_api(ApiId=made)["Name"] == "kept"
    stage = gateway.get_stage(ApiId=made, StageName="$default")
    assert gateway.get_deployment(ApiId=made, DeploymentId=stage["DeploymentId"])["AutoDeployed"] is True
