"""The scrubber deletes what no room names, so a room that makes blobs must name them (Service.blobs)."""

from __future__ import annotations

import re
from pathlib import Path

from haneul.app import services

MAKING = re.compile(r"blobs\.(create|join)\b")
ROOMS = Path(__file__).parents[3] / "src" / "haneul" / "services"


def test_rooms_that_make_blobs_name_them() -> None:
    """Forgetting it would lose data an hour later, and no other test would see it."""
    cards = services()
    named = {card.package for card in cards.values() if card.blobs is not None}
    for card in cards.values():
        room = ROOMS / card.package.rpartition(".")[2]
        makes = [
            path
            for path in room.rglob("*.py")
            if "blobs.create" in path.read_text() or "blobs.join" in path.read_text()
        ]
        if makes:
            assert card.package in named, f"{makes[0]} makes blobs, {card.model}'s Service names none"
        if card.blobs is not None:
            assert callable(card.resolve(card.blobs))
