"""The console in a real browser: what its pages promise, by mouse and by keyboard, in both languages."""

from __future__ import annotations

import pytest

from tests.console.browser import is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")


@pytest.fixture
def console(opened, cloud):
    """Opens a page of the shared cloud's console."""
    return lambda page: opened(cloud, page)


def test_home_tells_how_things_are(console):
    """Health, counts, every service."""
    page = console("home")
    page.wait_text("Mode dev")
    page.wait_text("dynamodb")


def test_a_table_and_an_item(console, client, unique):
    """Create a table, save an item as DynamoDB JSON, find it by PartiQL."""
    name = unique("Console")
    page = console("tables")
    page.type("main form input", name)
    page.click("main form button")
    page.wait_text(name)
    page.run(f"location.hash = 'tables/{name}'")
    page.wait("return document.querySelector('textarea')")
    page.run("""document.querySelector('textarea').value = '{"id": {"S": "one"}, "n": {"N": "42"}}'""")
    page.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Save').click()")
    page.wait_text('"42"')
    assert client("dynamodb").scan(TableName=name)["Items"] == [{"id": {"S": "one"}, "n": {"N": "42"}}]


def test_a_refusal_is_shown(console):
    """AWS's code and words, where the reader sees and hears them."""
    page = console("buckets")
    page.run("document.querySelector('main form').noValidate = true")
    page.type("main form input", "Bad_Name")
    page.click("main form button")
    page.wait("return document.querySelector('[role=status]').textContent.includes('InvalidBucketName')")


def test_the_log_and_the_bill(console):
    """One's own requests are in the log; the bill has rows, a plot by day and service, and longer spans."""
    console("log").wait_text("ListBuckets")
    page = console("bill")
    page.wait("return document.querySelector('svg[role=img]')")
    page.wait_text("Requests-Tier")
    page.run("const days = document.querySelector('#days'); days.value = 90; days.dispatchEvent(new Event('change'))")
    page.wait("return document.querySelector('svg[role=img]').ariaLabel.split(', ').length === 90")


def test_korean(console):
    """The other language, everywhere, and the page says which it is."""
    page = console("home")
    page.click("#language")
    page.wait_text("DynamoDB")
    page.wait_text("S3 버킷")
    assert page.run("return document.documentElement.lang") == "ko"


def test_light_and_dark(console):
    """By the reader's setting, or by the button, which is remembered."""
    page = console("home")
    page.run("localStorage.removeItem('theme')")
    page = console("home")
    ground = "return getComputedStyle(document.body).backgroundColor"
    page.click("#theme")
    light = page.run(ground)
    page.click("#theme")
    assert page.run(ground) != light
    page = console("queues")
    assert page.run("return document.documentElement.dataset.theme") == "dark"
    page.run("localStorage.removeItem('theme')")


def test_by_keyboard_and_reader(console):
    """Every control has a name, the current page is marked, the first Tab skips to the content."""
    page = console("buckets")
    nameless = page.run(
        "return [...document.querySelectorAll('input, textarea, button, a')].filter((e) => !e.hidden && "
        "!(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute('aria-label')).length"
    )
    assert nameless == 0
    assert page.run("return document.querySelector('nav a[aria-current=page]').textContent") == "S3 buckets"
    page.type("body", "\ue004")
    assert page.run("return document.activeElement.className") == "skip"


def test_mode_cloud_wants_real_keys(browser, fresh_cloud):
    """A wrong secret is told; root's own key opens the door."""
    cloud = fresh_cloud("--mode", "cloud")
    lines = (cloud.data / "credentials").read_text().splitlines()
    key, secret = (line.split(" = ")[1] for line in lines[1:3])
    browser.open(f"http://localhost:{cloud.port}/_haneul/console/#buckets")
    browser.wait("return document.querySelector('main [role=alert]')")
    for given, told in (("wrong", "InvalidSignatureException"), (secret, "Signed in as")):
        browser.type("#access", key, clear=True)
        browser.type("#secret", given, clear=True)
        browser.click("#session button[type=submit]")
        browser.wait(f"return document.querySelector('[role=status]').textContent.includes('{told}')")
    browser.wait("return document.querySelector('main form')")


def test_what_one_does_keeps_ones_place(console, client, unique):
    """After an action the page is drawn anew beneath the reader: same scroll, same focus."""
    name = unique("console-place")
    client("iam").create_user(UserName=name)
    page = console(f"identity/users/{name}")
    page.run("document.querySelector('main').style.paddingTop = '900px'; scrollTo(0, 700)")
    make = "[...document.querySelectorAll('main button')].find((b) => b.textContent.includes('download'))"
    page.run(f"{make}.focus(); {make}.click()")
    page.wait_text("Active")
    page.wait(f"return document.activeElement === {make}")
    assert page.run("return scrollY") >= 600
