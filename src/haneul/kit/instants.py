"""Instants as text. Inside, an instant is a float of epoch seconds."""

from __future__ import annotations

import datetime


def iso8601(seconds: float) -> str:
    """2026-03-01T12:00:00.123Z"""
    whole, thousandths = divmod(int(seconds * 1000), 1000)
    moment = datetime.datetime.fromtimestamp(whole, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{thousandths:03d}Z"
