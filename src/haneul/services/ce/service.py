"""Cost Explorer's identity card."""

from haneul.service import Service

SERVICE = Service(model="ce", package="haneul.services.ce", modules=("costs", "dimensions"), is_global=True)
