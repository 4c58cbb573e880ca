"""The Price List Service's identity card."""

from haneul.service import Service

SERVICE = Service(
    model="pricing",
    package="haneul.services.pricing",
    modules=("products", "price_lists"),
    hosts=("price-list-files",),
    raw="price_lists:answer",
    start="desk:open_desk",
    uses=("ec2",),
)
