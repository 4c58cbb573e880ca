"""The Price List Service: what it tells is what the meter charges."""

import json
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from haneul.metering import instances
from haneul.metering.prices import sheet

HERE = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"}]


def match(field, value, kind="TERM_MATCH"):
    return {"Type": kind, "Field": field, "Value": value}


def products(pricing, code, *filters):
    """Every product of a service here that passes the filters, by usage type."""
    pages = pricing.get_paginator("get_products").paginate(ServiceCode=code, Filters=[*HERE, *filters])
    return [json.loads(one) for page in pages for one in page["PriceList"]]


def price(product, quantity):
    """What a quantity costs by a product's ranges on demand."""
    (term,) = product["terms"]["OnDemand"].values()
    total = Decimal(0)
    for part in term["priceDimensions"].values():
        begin = Decimal(part["beginRange"])
        end = quantity if part["endRange"] == "Inf" else min(quantity, Decimal(part["endRange"]))
        total += max(Decimal(0), end - begin) * Decimal(part["pricePerUnit"]["USD"])
    return total


def test_products_cost_what_the_bill_charges(client):
    """Every price of the sheets, at quantities in, between and beyond its tiers: one sum by both ways."""
    pricing = client("pricing")
    codes = [
        one["ServiceCode"] for page in pricing.get_paginator("describe_services").paginate() for one in page["Services"]
    ]
    told = {}
    for code in codes:
        for product in products(pricing, code, match("instanceType", "m5.large,", "NONE_OF")):
            if "instanceType" not in product["product"]["attributes"]:
                told.setdefault(product["product"]["attributes"]["usagetype"], []).append(product)
    for row in sheet("us-east-1").rows:
        for quantity in (Decimal(1), Decimal("60000.5"), Decimal(3_000_000)):
            prices = [price(product, quantity) for product in told[row.type]]
            assert row.cost(quantity, False) in prices, row


def test_an_instance_type(client):
    """The filters that Terraform's documentation uses name one product, on demand and reserved."""
    filters = [
        match("instanceType", "m5.large"),
        match("operatingSystem", "linux"),
        match("location", "US East (N. Virginia)"),
        match("preInstalledSw", "NA"),
        match("licenseModel", "No License required"),
        match("tenancy", "Shared"),
        match("capacitystatus", "Used"),
    ]
    (found,) = products(client("pricing"), "AmazonEC2", *filters)
    assert found["product"]["attributes"]["vcpu"] == "2"
    assert found["product"]["attributes"]["memory"] == "8 GiB"
    assert price(found, Decimal(100)) == instances.on_demand("us-east-1", "m5.large") * 100
    hourly = {
        (term["termAttributes"]["PurchaseOption"], term["termAttributes"]["LeaseContractLength"])
        for term in found["terms"]["Reserved"].values()
    }
    assert ("No Upfront", "1yr") in hourly
    assert len(found["terms"]["Reserved"]) == 12


def test_filters(client):
    """Each kind of filter, over the kinds of EBS volumes."""
    pricing = client("pricing")

    def volumes(*filters):
        found = products(pricing, "AmazonEC2", match("productFamily", "Storage"), *filters)
        return {one["product"]["attributes"]["volumeApiName"] for one in found}

    assert volumes() == {"gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"}
    assert volumes(match("volumeApiName", "gp3", "EQUALS")) == {"gp3"}
    assert volumes(match("volumeApiName", "GP3", "EQUALS")) == set()
    assert volumes(match("VolumeApiName", "GP3")) == {"gp3"}
    assert volumes(match("volumeApiName", "gp", "CONTAINS")) == {"gp2", "gp3"}
    assert volumes(match("volumeApiName", "st1,sc1", "ANY_OF")) == {"st1", "sc1"}
    assert volumes(match("volumeApiName", "gp2,gp3,io1,io2", "NONE_OF")) == {"st1", "sc1", "standard"}


def test_pages_and_regions(client):
    """Pages join without gaps, and a region that has no sheet of its own has the prices it is billed at."""
    pricing = client("pricing")
    whole = products(pricing, "AmazonS3")
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode="AmazonS3", Filters=HERE, PaginationConfig={"PageSize": 3}
    )
    assert [json.loads(one) for page in pages for one in page["PriceList"]] == whole
    assert len({one["product"]["sku"] for one in whole}) == len(whole) > 8
    seoul = pricing.get_products(
        ServiceCode="AmazonS3",
        Filters=[match("location", "Asia Pacific (Seoul)"), match("usagetype", "TimedStorage-ByteHrs")],
    )["PriceList"]
    (product,) = [json.loads(one) for one in seoul]
    assert product["product"]["attributes"]["regionCode"] == "ap-northeast-2"
    assert price(product, Decimal(10)) == Decimal("0.23")


def test_services_and_values(client):
    """What leads to a filter: services, their attributes, the attributes' values."""
    pricing = client("pricing")
    (lambda_,) = pricing.describe_services(ServiceCode="AWSLambda")["Services"]
    assert {"usagetype", "location", "productFamily"} <= set(lambda_["AttributeNames"])
    values = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="volumeApiName")["AttributeValues"]
    assert {"Value": "gp3"} in values
    first = pricing.get_attribute_values(ServiceCode="AmazonEC2", AttributeName="location", MaxResults=5)
    assert len(first["AttributeValues"]) == 5
    rest = pricing.get_attribute_values(
        ServiceCode="AmazonEC2", AttributeName="location", NextToken=first["NextToken"]
    )["AttributeValues"]
    assert {"Value": "US East (N. Virginia)"} in rest


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda p: p.get_products(ServiceCode="Compute Instance"), "InvalidParameterException"),
        (lambda p: p.get_products(ServiceCode="AmazonNothing"), "NotFoundException"),
        (lambda p: p.get_products(ServiceCode="AmazonS3", NextToken="?"), "InvalidNextTokenException"),
        (lambda p: p.get_products(ServiceCode="AmazonS3", FormatVersion="v9"), "InvalidParameterException"),
        (lambda p: p.describe_services(ServiceCode="AmazonNothing"), "NotFoundException"),
        (lambda p: p.get_attribute_values(ServiceCode="AmazonS3", AttributeName="taste"), "NotFoundException"),
    ],
)
def test_errors(client, call, code):
    """What isn't there is named by AWS's codes."""
    with pytest.raises(ClientError) as caught:
        call(client("pricing"))
    assert caught.value.response["Error"]["Code"] == code
