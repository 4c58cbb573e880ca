"""IAM's and RDS's pages, which speak the query protocol."""

from __future__ import annotations

import pytest

from tests.console.browser import Browser, is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")


def test_users_databases_and_a_simulated_policy(cloud, client, unique):
    """A user is listed, a policy decides, and the databases' page answers."""
    name = unique("console-user")
    client("iam").create_user(UserName=name)
    page = Browser()
    try:
        page.open(f"http://localhost:{cloud.port}/_haneul/console/#identity")
        page.wait_text(name)
        page.click("#simulate")
        page.wait("return document.querySelector('#decision').textContent === 'allowed'")
        page.run("location.hash = 'databases'")
        page.wait("return document.querySelector('h1').textContent === 'RDS databases'")
        page.wait("return document.querySelector('main section:not([aria-busy]) > :not([role=alert])')")
    finally:
        page.close()
