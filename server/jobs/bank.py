"""The child's part of a bank import: bytes in, items and problems out."""

from collections.abc import Callable
from typing import Any

from itembank.importing.pipeline import read_bank as read
from itembank.problems import InputRefused


def read_bank(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`data`, `name`, `codes` (type code -> kind, or None) -> the reading, or why the file is refused."""
    report(0.1, "read")
    try:
        reading = read(payload["data"], payload["name"], codes=payload.get("codes"))
    except InputRefused as refusal:
        return {"refused": refusal.problems[0].to_json()}
    report(0.9, "checked")
    return {"reading": reading.to_json()}
