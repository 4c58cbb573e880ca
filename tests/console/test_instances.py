"""EC2's pages: an instance launched, spoken to and ended by mouse and keyboard; volumes, groups, the VPC's picture."""

from __future__ import annotations

import pytest

from tests.api.ec2.waiting import instance, launched, reached, running, until
from tests.console.browser import is_here

pytestmark = pytest.mark.skipif(not is_here(), reason="chromium and chromium-driver are not installed")
PRESS = "[...document.querySelectorAll('main button')].find((b) => b.textContent === '{}').click()"


@pytest.fixture(scope="module")
def ec2(machines):
    return machines.client("ec2")


def test_the_launch_wizard(machines, opened, ec2):
    """From the empty list, which teaches a command, through the wizard to an instance that runs."""
    page = opened(machines, "instances")
    page.wait_text("aws ec2 run-instances")
    page.click("main a.primary")
    page.wait("return document.querySelector('#launch')")
    page.type("#launch-name", "by-hand")
    page.type("#launch-data", "#!/bin/sh\necho hi\n")
    page.wait("return document.querySelector('#launch-command').textContent.includes('by-hand')")
    page.click("#launch")
    page.wait("return location.hash.startsWith('#instances/i-')")
    page.wait_text("● running")
    page.wait_text("Haneul: ready")  # its console output
    (found,) = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["by-hand"]}])["Reservations"]
    made = found["Instances"][0]
    assert made["InstanceType"] == "t3.micro"
    data = ec2.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="userData")
    assert data["UserData"]["Value"]


def test_a_key_is_made_while_launching(machines, opened, ec2):
    """The new key is chosen, and EC2 knows it."""
    page = opened(machines, "instances/launch")
    page.click("#make-key")
    page.answer("from-the-console")
    page.wait("return document.querySelector('#launch-key').value === 'from-the-console'")
    assert ec2.describe_key_pairs(KeyNames=["from-the-console"])["KeyPairs"][0]["KeyType"] == "ed25519"


def test_marked_instances_are_stopped_and_terminated(machines, opened, ec2):
    """Two marks, one button; the list renews itself until they have arrived."""
    ids = [one["InstanceId"] for one in launched(ec2, MinCount=2, MaxCount=2)]
    for one in ids:
        reached(ec2, one, "running")
    page = opened(machines, "instances")
    for button, state in (("Stop", "stopped"), ("Terminate", "terminated")):
        for one in ids:
            page.run(
                "const box = document.querySelector(`[data-key='${arguments[0]}']`); if (!box.checked) box.click()", one
            )
        page.run(PRESS.format(button))
        page.accept()
        rows = (
            f"return [...document.querySelectorAll('tbody tr')].filter((r) => r.innerText.includes('● {state}')).length"
        )
        page.wait(f"{rows} >= 2")
    assert all(instance(ec2, one)["State"]["Name"] == "terminated" for one in ids)


def test_what_can_be_changed(machines, opened, ec2):
    """Protection from termination, then the type of a stopped instance, then its groups."""
    made = running(ec2)
    one = made["InstanceId"]
    group = ec2.create_security_group(GroupName="other", Description="other", VpcId=made["VpcId"])["GroupId"]
    page = opened(machines, f"instances/{one}")
    page.run("document.querySelector('details').open = true; document.querySelector('#guard').click()")
    page.wait("return document.querySelector('#guard')?.textContent === 'Allow termination'")
    page.run("document.querySelector('#guard').click()")
    page.wait("return document.querySelector('#guard')?.textContent === 'Protect from termination'")
    ec2.stop_instances(InstanceIds=[one])
    reached(ec2, one, "stopped")
    page = opened(machines, f"instances/{one}")
    page.run("const type = document.querySelector('#new-type'); type.value = 't3.small'; type.form.requestSubmit()")
    until(lambda: instance(ec2, one)["InstanceType"] == "t3.small")
    page = opened(machines, f"instances/{one}")
    page.run("document.querySelector(`details input[value='${arguments[0]}']`).click()", group)
    page.run("document.querySelector('#save-groups').click()")
    until(lambda: {each["GroupName"] for each in instance(ec2, one)["SecurityGroups"]} == {"default", "other"})
    ec2.terminate_instances(InstanceIds=[one])


def test_the_serial_terminal_echoes(machines, opened, ec2):
    """What is typed goes to the guest and comes back: the double's guest says whatever it is told."""
    made = running(ec2)["InstanceId"]
    page = opened(machines, f"instances/{made}/terminal")
    page.wait("return document.querySelector('#enable-serial button')")  # as on AWS, an account must want it
    page.click("#enable-serial button")
    page.wait("return document.querySelector('#terminal-state').textContent === 'Connected.'")
    page.type(".xterm-helper-textarea", "is anybody there")
    page.wait("return document.querySelector('.xterm-accessibility').textContent.includes('is anybody there')")
    ec2.terminate_instances(InstanceIds=[made])


def test_a_terminal_that_is_refused_says_why(machines, opened, ec2):
    """A stopped instance has none: AWS's code and words."""
    made = running(ec2)["InstanceId"]
    ec2.enable_serial_console_access()
    ec2.stop_instances(InstanceIds=[made])
    reached(ec2, made, "stopped")
    page = opened(machines, f"instances/{made}/terminal")
    page.wait("return document.querySelector('#flash').textContent.includes('EC2InstanceStateInvalidException')")


def test_a_volume_and_its_snapshot(machines, opened, ec2):
    """Create, attach, snapshot, detach, delete."""
    made = running(ec2)
    page = opened(machines, "volumes")
    page.wait_text("aws ec2 create-snapshot")
    zone = made["Placement"]["AvailabilityZone"]
    page.run(
        "[...document.querySelectorAll('main select')].find((s) => s.value.startsWith('us-')).value = arguments[0]",
        zone,
    )
    before = {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]}
    page.click("#create-volume")
    volume = until(lambda: {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]} - before).pop()
    page.wait(
        "return [...document.querySelectorAll('tr')].some((r) => r.innerText.includes('● available') && "
        f"r.innerText.includes('{volume}'))"
    )
    page.run(f"location.hash = 'volumes/{volume}'")
    page.wait("return document.querySelector('#attach')")
    page.run("document.querySelector('#attach-to').value = arguments[0]", made["InstanceId"])
    page.click("#attach")
    page.wait_text(f"{made['InstanceId']} /dev/sdf")
    page.run(PRESS.format("Create snapshot"))
    snapshot = until(lambda: ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"])[0]
    assert snapshot["VolumeId"] == volume
    page.run("location.hash = 'volumes'")
    page.wait_text(snapshot["SnapshotId"])


def test_rules_of_a_group(machines, opened, ec2):
    """A group is made, a port opened to everybody and closed again."""
    page = opened(machines, "groups")
    page.type("#group-name", "console-web")
    page.type("#group-description", "Web")
    page.click("main form button.primary")
    page.wait("return document.querySelector('#in-add')")
    page.type("#in-ports", "80, 8000-8080")
    page.click("#in-add")
    page.wait_text("8000-8080")
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["console-web"]}])["SecurityGroups"][
        0
    ]
    assert sorted(one["FromPort"] for one in group["IpPermissions"]) == [80, 8000]
    page.run("document.querySelector('main table button.danger').click()")
    until(
        lambda: (
            len(ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]["IpPermissions"]) == 1
        )
    )


def test_the_picture_of_a_vpc(machines, opened, ec2):
    """Who reaches whom: the web server its database's port, the database nobody, the world the web server."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{at}.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
        for at in (0, 1)
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    ec2.modify_subnet_attribute(SubnetId=subnets[0], MapPublicIpOnLaunch={"Value": True})
    web, store = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("web", "store")
    )
    everybody = [{"CidrIp": "0.0.0.0/0"}]
    opened_ports = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": everybody}
    ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[opened_ports])
    from_web = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": web}]}
    ec2.authorize_security_group_ingress(GroupId=store, IpPermissions=[from_web])
    for subnet, group, name in ((subnets[0], web, "front"), (subnets[1], store, "back")):
        tag = {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}
        running(ec2, SubnetId=subnet, SecurityGroupIds=[group], TagSpecifications=[tag])
    page = opened(machines, f"network/{vpc}")
    rows = page.wait(
        "return [...document.querySelector('main h2 + table').querySelectorAll('tbody tr')].map((r) => r.innerText)"
    )
    assert sorted(row.split("\t") for row in rows) == [
        ["Internet", "front", "tcp 443"],
        ["back", "front", "tcp 443"],
        ["front", "back", "tcp 5432"],
    ]
    page.type("[aria-label^='back']", "\ue007")  # Enter
    assert page.run("return document.querySelectorAll('#vpc-picture .reach').length") == 1
