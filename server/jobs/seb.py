"""The child's part of settings files of Safe Exam Browser: foreign bytes in, checked settings out."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from server.rules.seb.file import read_seb as read_file
from server.rules.seb.uploaded import Uploaded, uploaded


def read_seb(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`data`, `password`, `shown_key` -> the fields of an `Uploaded`."""
    report(0.1, "read")
    settings = read_file(payload["data"], payload["password"])
    return asdict(uploaded(settings, payload["shown_key"]))


def uploaded_from_json(data: dict[str, Any]) -> Uploaded:
    """The inverse of what the child sends."""
    return Uploaded(data["plist"], data["port"], data["config_key"], tuple(data["doubts"]))
