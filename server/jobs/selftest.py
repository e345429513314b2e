"""A job of no use but one: the tests see with it how children start, report and end, well or badly."""

import os
import time
from collections.abc import Callable
from typing import Any

from server.errors import Refused


def echo(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """Gives `value` and `data` back after `steps` reports, `pause` seconds apart.

    `refuse` (a code), `eat` (bytes of memory), `spin` and `die` end it badly; `environment` gives the
    names of its variables.
    """
    for step in range(payload.get("steps", 0)):
        report((step + 1) / payload["steps"], f"{step + 1}")
        time.sleep(payload.get("pause", 0.0))
    if payload.get("refuse"):
        raise Refused(payload["refuse"], row=7)
    hoard = bytearray(payload.get("eat", 0))
    while payload.get("spin"):
        hoard = hoard[:1]
    if payload.get("die"):
        os.abort()
    if payload.get("environment"):
        return {"value": sorted(os.environ)}  # noqa: TID251 - shows that nothing secret is handed down
    return {"value": payload.get("value"), "data": payload.get("data", b"")}
