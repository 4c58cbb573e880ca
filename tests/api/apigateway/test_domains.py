"""Custom domain names: base paths lead to stages, and the console's own names stay what they are."""

from __future__ import annotations

import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.api.apigateway.making import Api, mock, send

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-1111-1111-1111-111111111111"


def test_a_domain_serves_its_mappings(cloud, client, unique) -> None:
    """The base path is cut off, the rest is the resource; no mapping is Forbidden."""
    gateway = client("apigateway")
    api = Api(cloud, gateway, {"/pets": {"get": mock(template="$context.path $context.stage $context.domainName")}})
    name = f"{unique('api')}.example.com"
    made = gateway.create_domain_name(
        domainName=name, regionalCertificateArn=CERTIFICATE, endpointConfiguration={"types": ["REGIONAL"]}
    )
    assert made["regionalDomainName"].startswith("d-")
    assert made["domainNameStatus"] == "AVAILABLE"

    def ask(path: str) -> tuple[int, bytes]:
        answer = send(urllib.request.Request(cloud.url + path, headers={"Host": name}))
        return answer.status, answer.body

    assert ask("/v1/pets") == (403, b'{"message":"Forbidden"}')
    gateway.create_base_path_mapping(domainName=name, basePath="v1", restApiId=api.id, stage="dev")
    assert ask("/v1/pets") == (200, f"/v1/pets dev {name}".encode())
    gateway.create_base_path_mapping(domainName=name, restApiId=api.id)
    assert ask("/dev/pets") == (200, f"/dev/pets dev {name}".encode())
    found = gateway.get_base_path_mappings(domainName=name)["items"]
    assert [one["basePath"] for one in found] == ["(none)", "v1"]
    with pytest.raises(ClientError, match="Base path already exists"):
        gateway.create_base_path_mapping(domainName=name, basePath="v1", restApiId=api.id)
    with pytest.raises(ClientError, match="base path mappings related to the API"):
        gateway.delete_rest_api(restApiId=api.id)
    gateway.update_base_path_mapping(
        domainName=name, basePath="v1", patchOperations=[{"op": "replace", "path": "/basePath", "value": "v2"}]
    )
    assert ask("/v2/pets")[0] == 200
    gateway.delete_domain_name(domainName=name)
    assert ask("/v2/pets")[0] == 403
    with pytest.raises(ClientError, match="Invalid domain name identifier specified"):
        gateway.get_domain_name(domainName=name)
