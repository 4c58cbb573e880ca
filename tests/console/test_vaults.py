"""Glacier's and Lambda's pages, which speak rest-json."""

from __future__ import annotations

import pytest

from tests.console.browser import Browser, is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")


def test_vaults_with_jobs_and_functions(cloud, client, unique):
    """A vault is listed with its jobs, and the functions' page answers."""
    name = unique("console-vault")
    client("glacier").create_vault(vaultName=name)
    page = Browser()
    try:
        page.open(f"http://localhost:{cloud.port}/_haneul/console/#vaults")
        page.wait_text(name)
        page.click(f"button[aria-label='Jobs {name}']")
        page.wait_text(f"Jobs: {name}")
        page.run("location.hash = 'functions'")
        page.wait("return document.querySelector('#event')")
    finally:
        page.close()
