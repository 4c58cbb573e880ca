"""Every page once: it draws without a refusal, its controls have names, its text can be read in light and in dark."""

from __future__ import annotations

import time

import pytest

from tests.api.ec2.waiting import image
from tests.console.browser import is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")
PAGES = (
    *(
        "home",
        "map",
        "instances",
        "instances/launch",
        "images",
        "scaling",
        "functions",
        "buckets",
        "volumes",
        "vaults",
        "tables",
    ),
    *("databases", "network", "groups", "queues", "identity", "identity/policies/new", "logs", "bill", "log"),
)
NAMELESS = """
return [...document.querySelectorAll('input, textarea, select, button, a')].filter((e) => e.offsetParent
  && !(e.labels && [...e.labels].some((l) => l.textContent.trim())) && !e.textContent.trim() && !e.ariaLabel)
  .map((e) => e.outerHTML)
"""
FAINT = """
const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(Number).map((v) => v / 255)
  .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r
  + 0.7152 * g + 0.0722 * b; };
const solid = (c) => !/rgba\\(.*, 0\\)|transparent/.test(c);
const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
  if (solid(c)) return c; } return 'rgb(255, 255, 255)'; };
return [...document.querySelectorAll('body *')].filter((e) => e.offsetParent && !e.disabled && !e.closest('svg')
  && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())).filter((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5; }).map((e) => e.outerHTML.slice(0, 200))
"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page(machines, opened, name):
    page = opened(machines, name)
    assert page.run("return document.querySelector('main [role=alert]')?.textContent") is None
    assert page.run(NAMELESS) == []
    for theme in ("light", "dark"):
        page.run("document.documentElement.dataset.theme = arguments[0]", theme)
        assert page.run(FAINT) == [], theme


def test_the_map_knows_what_there_is(machines, opened):
    """A queue and a topic made by others are on it, linked where there is a page."""
    machines.client("sqs").create_queue(QueueName="on-the-map")
    machines.client("sns").create_topic(Name="news")
    page = opened(machines, "map")
    assert page.run("return document.querySelector('a.chip[href=\"#queues/on-the-map\"]') !== null")
    page.wait_text("news")


def test_long_lists_come_in_pages(machines, opened):
    """Fifty of sixty queues, and the rest on demand; the filter finds among them."""
    sqs = machines.client("sqs")
    for number in range(60):
        sqs.create_queue(QueueName=f"many-{number:02}")
    page = opened(machines, "queues")
    assert page.run("return document.querySelectorAll('tbody tr').length") == 50
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'More').click()")
    page.wait("return document.querySelectorAll('tbody tr').length > 59")
    page.type("input[type=search]", "many-59")
    page.wait("return document.querySelectorAll('tbody tr').length === 1")


def test_a_refusal_of_the_whole_page(opened, fresh_cloud):
    """Cloud mode without real keys: AWS's code and words stand where the list would."""
    page = opened(fresh_cloud("--mode", "cloud"), "instances")
    page.wait("return document.querySelector('main [role=alert]').textContent.startsWith('AuthFailure: ')")


def test_vaults_with_their_jobs(machines, opened, tmp_path):
    """A vault is made by hand, an archive of several tree-hash leaves goes in, an inventory is asked for."""
    glacier = machines.client("glacier")
    page = opened(machines, "vaults")
    page.wait_text("aws glacier create-vault")
    page.type("main form input", "records")
    page.click("main form button")
    page.wait("return document.querySelector('a[href=\"#vaults/records\"]')")
    page.run("location.hash = 'vaults/records'")
    page.wait_text("Jobs: records")
    file = tmp_path / "archive.bin"
    file.write_bytes(b"x" * (5 << 19))
    page.type("#archive", str(file))
    page.run("document.querySelector('#archive').form.requestSubmit()")
    page.wait("return document.querySelector('#flash').textContent.includes('Done')")
    page.run("[...document.querySelectorAll('main button')].find((b) => b.textContent === 'Inventory').click()")
    page.wait_text("InventoryRetrieval")
    assert glacier.list_jobs(vaultName="records")["JobList"][0]["Action"] == "InventoryRetrieval"


def test_a_group_that_scales(machines, opened):
    """Its instances, what it did, and another number of them by hand; its template is offered for launching."""
    ec2, scaling = machines.client("ec2"), machines.client("autoscaling")
    data = {"ImageId": image(ec2), "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web", MinSize=0, MaxSize=2, DesiredCapacity=1, VPCZoneIdentifier=subnet,
        LaunchTemplate={"LaunchTemplateName": "web"},
    )  # fmt: skip
    page = opened(machines, "scaling/web")
    page.run(
        "document.querySelectorAll('main form input')[1].value = 2; document.querySelector('main form').requestSubmit()"
    )
    page.wait("return document.querySelector('#flash').textContent.includes('Done')")
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["DesiredCapacity"] == 2
    page = opened(machines, "images")
    page.run("[...document.querySelectorAll('main td a')].find((a) => a.textContent === 'web').click()")
    page.wait("return document.querySelector('#launch-template')?.value.startsWith('lt-')")
    page.click("#launch")
    page.wait("return location.hash.startsWith('#instances/i-')")
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)


def test_logs_are_filtered_and_followed(machines, opened):
    """What was written, by a pattern of CloudWatch's, and what is written while one looks."""
    logs = machines.client("logs")
    logs.create_log_group(logGroupName="/app/web")
    logs.create_log_stream(logGroupName="/app/web", logStreamName="one")

    def write(words: str) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": words}
        logs.put_log_events(logGroupName="/app/web", logStreamName="one", logEvents=[event])

    write("all is well")
    write("ERROR once")
    page = opened(machines, "logs/%2Fapp%2Fweb")
    page.wait_text("all is well")
    page.type("#pattern", "ERROR\ue007")
    page.wait("return document.querySelectorAll('main tbody tr').length === 1")
    page.click("#live")
    write("ERROR again")
    page.wait_text("ERROR again")
