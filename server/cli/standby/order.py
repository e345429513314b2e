"""How a person's word to promote reaches the standby's process: a file in its data folder."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants this standby to take over, and why."""

    by: str
    reason: str


def order_file(settings: Settings) -> Path:
    """Where the order lies; whoever may write there could read the stores as well."""
    return settings.data / "standby" / "promote.json"


def give(settings: Settings, order: Order) -> None:
    """Leaves an order for the process that runs."""
    path = order_file(settings)
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(order), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def taken(settings: Settings) -> Order | None:
    """The order, once; None when there is none."""
    path = order_file(settings)
    found = _read(path)
    if found is not None:
        path.replace(_obeyed(settings))
    return found


def interrupted(settings: Settings) -> Order | None:
    """The order that was taken last: the one of a takeover that was cut off, if a person gave it."""
    return _read(_obeyed(settings))


def _obeyed(settings: Settings) -> Path:
    return order_file(settings).with_name("promote.taken")


def _read(path: Path) -> Order | None:
    try:
        found = Order(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return found if isinstance(found.by, str) and isinstance(found.reason, str) else None
