"""The pytest plugin gives a test session a cloud."""

import os


def test_a_session_has_a_cloud(haneul):
    """A user's first test works as the plugin's page shows it, through the environment too."""
    import boto3

    assert os.environ["AWS_ENDPOINT_URL"] == haneul.url
    haneul.client("s3").create_bucket(Bucket="plugin-photos")
    assert [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]] == ["plugin-photos"]
