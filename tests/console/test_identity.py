"""IAM's pages: identities and policies made by hand, and the editor that finds what is wrong while one types."""

from __future__ import annotations

import json

import pytest

from tests.console.browser import is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")
WRITE = (
    "const area = document.querySelector(arguments[0]); area.value = arguments[1]; "
    "area.dispatchEvent(new Event('input'))"
)


def policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **statement}]})


def test_the_editor_of_policies(cloud, opened, client, unique):
    """Findings by their codes; IAM's own refusal; a policy that is kept, tried and changed as a new version."""
    iam = client("iam")
    name = unique("console-policy")
    page = opened(cloud, "identity/policies/new")
    page.wait_text("No findings.")
    for words, code in (
        ("{", "JSON_SYNTAX_ERROR"),
        (policy(Action="iam:PassRole"), "PASS_ROLE_WITH_STAR_IN_RESOURCE"),
        (policy(Action=["s3:Get*", "s3:GetObject"]), "REDUNDANT_ACTION"),
        (policy(Action="GetObject"), "INVALID_ACTION"),
        (policy(Action="s3:GetObject", Principal="*"), "UNSUPPORTED_PRINCIPAL"),
        (policy(Effect="allow", Action="s3:GetObject"), "INVALID_EFFECT"),
    ):
        page.run(WRITE, "#policy", words)
        page.wait(f"return document.querySelector('#policy-findings').textContent.includes('{code}')")
    page.type("#policy-name", name)
    page.click("#policy-save")
    page.wait("return document.querySelector('#flash').textContent.includes('MalformedPolicyDocument')")
    page.run(WRITE, "#policy", policy(Action="s3:GetObject"))
    page.click("#simulate")
    page.wait("return document.querySelector('#decision').textContent === 'allowed'")
    page.click("#policy-save")
    page.wait(f"return location.hash.endsWith('policy/{name}') && document.querySelector('#policy-save')")
    page.wait("return !document.querySelector('#policy-name')")
    page.run(WRITE, "#policy", policy(Action="s3:PutObject"))
    page.click("#policy-save")
    arn = f"arn:aws:iam::000000000000:policy/{name}"
    page.wait_text("v2")
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Action"] == "s3:PutObject"


def test_a_user_and_its_grants(cloud, opened, client, unique):
    """Made, given a policy of AWS's and one of its own, and a key that is handed over as a file."""
    iam = client("iam")
    name = unique("console-user")
    page = opened(cloud, "identity")
    page.type("input[aria-label='Name User']", name)
    page.run("document.querySelector(\"input[aria-label='Name User']\").form.requestSubmit()")
    page.wait("return document.querySelector('input[list=known-policies]')")
    page.type("input[list=known-policies]", "arn:aws:iam::aws:policy/ReadOnlyAccess\ue007")
    page.wait("return document.querySelector('button[aria-label=\"Detach ReadOnlyAccess\"]')")
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'Create').click()")
    page.wait("return document.querySelector('#inline-name')")
    page.type("#inline-name", "own")
    page.click("#inline-save")
    page.wait("return document.querySelector('button[aria-label=\"Edit own\"]')")
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent.includes('download')).click()")
    page.wait_text("Active")
    assert len(iam.list_access_keys(UserName=name)["AccessKeyMetadata"]) == 1
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["own"]
    page.click("#simulate")
    page.wait("return document.querySelector('#decision').textContent === 'allowed'")
    page.wait("return document.querySelector('#why').textContent.includes('ReadOnlyAccess')")


def test_a_role_and_its_trust(cloud, opened, client, unique):
    """The trust policy is edited where it stands."""
    name = unique("console-role")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    page = opened(cloud, f"identity/roles/{name}")
    trust["Statement"][0]["Principal"] = {"Service": "lambda.amazonaws.com"}
    page.run(WRITE, "#trust", json.dumps(trust))
    page.click("#trust-save")
    page.wait("return document.querySelector('#flash').textContent.includes('Done')")
    kept = client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert kept["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
