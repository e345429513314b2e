"""When a document is printed, and how it tells times."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class At:
    """When a document is printed, and the zone in which its times are told."""

    now: datetime
    zone: ZoneInfo

    def text(self, moment: datetime | None) -> str:
        """A moment as printed."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}" if moment else "—"
