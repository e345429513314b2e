"""The child's part of taking in a file between authority and site: opened, chains and receipts checked."""

import json
from collections.abc import Callable
from typing import Any

from server.errors import Refused
from server.rules.site_file import FileBroken, read_file
from server.rules.site_results import opened


def open_site_file(payload: dict[str, Any], _report: Callable[..., None]) -> dict[str, Any]:
    """`file`, `secret` (X25519), `key` (Ed25519, empty for a dispatch), `sent` -> `content`, `wrong`."""
    try:
        head, parts = read_file(payload["file"])
        whose = payload["key"], payload["sent"]
        content, wrong = opened(head, list(parts.values()), payload["secret"], whose)
    except FileBroken as fault:
        raise Refused(f"site_file_{fault.code}", 422, field="file", part=fault.part) from fault
    return {
        "content": json.dumps(content, ensure_ascii=False).encode(),
        "wrong": [problem.to_json() for problem in wrong],
    }
