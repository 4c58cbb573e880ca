"""Price lists as files: what a script that reads AWS's bulk format gets."""

import csv
import datetime
import http.client
import io
import json
import urllib.parse

import pytest
from botocore.exceptions import ClientError

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)


def fetch(cloud, url):
    """A file by its URL; the name's resolver is left out, for not every machine knows names of localhost."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def a_list(pricing, code, form):
    (found,) = pricing.list_price_lists(
        ServiceCode=code, EffectiveDate=NOW, CurrencyCode="USD", RegionCode="us-east-1"
    )["PriceLists"]
    assert found["RegionCode"] == "us-east-1"
    return pricing.get_price_list_file_url(PriceListArn=found["PriceListArn"], FileFormat=form)["Url"]


def test_json(client, cloud):
    """Products and terms stand apart, joined by SKU, and say what GetProducts says."""
    status, body = fetch(cloud, a_list(client("pricing"), "AmazonS3", "json"))
    file = json.loads(body)
    assert (status, file["formatVersion"], file["offerCode"]) == (200, "v1.0", "AmazonS3")
    asked = client("pricing").get_products(
        ServiceCode="AmazonS3", Filters=[{"Type": "EQUALS", "Field": "regionCode", "Value": "us-east-1"}]
    )
    for one in map(json.loads, asked["PriceList"]):
        sku = one["product"]["sku"]
        assert file["products"][sku]["attributes"] == one["product"]["attributes"]
        assert file["terms"]["OnDemand"][sku] == one["terms"]["OnDemand"]


def test_csv(client, cloud):
    """Five lines about the file, the columns' names, then prices."""
    status, body = fetch(cloud, a_list(client("pricing"), "AWSLambda", "csv"))
    lines = list(csv.reader(io.StringIO(body.decode())))
    assert (status, lines[4]) == (200, ["OfferCode", "AWSLambda"])
    rows = [dict(zip(lines[5], line, strict=True)) for line in lines[6:]]
    requests = [(r["StartingRange"], r["EndingRange"], r["PricePerUnit"]) for r in rows if r["usagetype"] == "Request"]
    assert requests == [("0", "1000000", "0.0000000000"), ("1000000", "Inf", "0.0000002000")]


def test_every_region_has_a_list(client):
    """Without a region, all are told, page by page."""
    pages = (
        client("pricing")
        .get_paginator("list_price_lists")
        .paginate(ServiceCode="AmazonEC2", EffectiveDate=NOW, CurrencyCode="USD", PaginationConfig={"PageSize": 10})
    )
    found = [one["RegionCode"] for page in pages for one in page["PriceLists"]]
    assert len(found) == len(set(found)) > 25


def test_what_is_not_there(client, cloud):
    """Neither lists nor files are made up."""
    pricing = client("pricing")
    with pytest.raises(ClientError) as caught:
        pricing.get_price_list_file_url(
            PriceListArn="arn:aws:pricing:::price-list/aws/AmazonS3/USD/19990101000000/us-east-1", FileFormat="json"
        )
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as caught:
        pricing.list_price_lists(ServiceCode="AmazonS3", EffectiveDate=NOW, CurrencyCode="CNY")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    url = a_list(pricing, "AmazonS3", "json").replace("us-east-1", "xx-nowhere-1")
    assert fetch(cloud, url)[0] == 404


def test_the_url_is_the_right(client, cloud):
    """Writing a list is work: without the ticket that a signed call got, or with another list's, there is none."""
    url = a_list(client("pricing"), "AmazonS3", "json")
    assert fetch(cloud, url.partition("?")[0])[0] == 403
    assert fetch(cloud, url.replace("AmazonS3", "AWSLambda"))[0] == 403
    assert fetch(cloud, url)[0] == 200
