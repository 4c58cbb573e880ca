"""Images (AMIs): who sees and launches them, what is told of them, what makes them and what ends them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def refused(function, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        function(**request)
    return code_of(error)


def test_the_built_in_image(ec2):
    """What everybody's first launch finds: an image of Amazon's, by owner and by name, the same every time."""
    wanted = [{"Name": "name", "Values": ["haneul-minimal-*"]}]
    (image,) = ec2.describe_images(Owners=["amazon"], Filters=wanted)["Images"]
    assert image["State"] == "available" and image["Public"] is True and image["ImageOwnerAlias"] == "amazon"
    assert image["RootDeviceName"] == "/dev/xvda" and image["Architecture"] == "x86_64"
    (mapping,) = image["BlockDeviceMappings"]
    assert mapping["Ebs"]["VolumeSize"] == 2 and mapping["Ebs"]["DeleteOnTermination"] is True
    assert ec2.describe_images(ImageIds=[image["ImageId"]])["Images"] == [image]
    assert image["ImageId"] not in {one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]}


def test_images_that_are_not_there(ec2):
    """Terraform and others tell by the code whether an image is gone."""
    absent = "ami-0123456789abcdef0"
    assert refused(ec2.describe_images, ImageIds=[absent]) == (
        "InvalidAMIID.NotFound",
        f"The image id '[{absent}]' does not exist",
    )
    assert refused(ec2.describe_images, ImageIds=["image"]) == (
        "InvalidAMIID.Malformed",
        'Invalid id: "image" (expecting "ami-...")',
    )
