"""How the server does, in numbers: loop lag, CPU, memory, clock, disk."""

import resource
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from exam_rooms.clock import stepped
from server.services.steady import SteadyClock
from server.settings import Settings

DISK_LOW = 1 << 30
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Wellbeing:
    """`cpu_seconds`: of this process and its ended children; `rss` and `disk_free` in bytes."""

    cpu_seconds: float
    rss: int
    disk_free: int
    clock_step_seconds: float
    clock_proven: bool
    certificate_until: datetime | None

    @property
    def disk_low(self) -> bool:
        """Whether the data folder's disk is nearly full."""
        return self.disk_free < DISK_LOW

    @property
    def clock_stepped(self) -> bool:
        """Whether somebody set the wall clock while the server ran (D22)."""
        return self.clock_proven and stepped(self.clock_step_seconds)


def look(settings: Settings, clock: SteadyClock) -> Wellbeing:
    """The numbers now."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    pages = int(STATM.read_text().split()[1])
    return Wellbeing(
        cpu_seconds=round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 3),
        rss=pages * resource.getpagesize(),
        disk_free=shutil.disk_usage(settings.data).free,
        clock_step_seconds=round(clock.step_seconds(), 3),
        clock_proven=clock.proven,
        certificate_until=_until(settings.data / "tls" / "server.pem"),
    )


def _until(certificate: Path) -> datetime | None:
    if not certificate.is_file():
        return None
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
