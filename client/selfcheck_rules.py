"""What measured values of a workstation mean before the bell. No clock, no disk: values in, a verdict out.

The server looks again at package, version, label and canary paper; the worse word counts.
"""

from dataclasses import dataclass
from datetime import datetime

from exam_rooms.kiosk_messages import CheckName, CheckPlan, CheckResult, KioskReport, Lockdown, Verdict
from exam_rooms.watch_messages import CameraReport, CameraState
from itembank.version import older

SLOW_MS = 1000.0
"""A record that takes longer to reach the disk is felt by the candidate."""
AMPLE = 2
"""Free space below so many times the least one is worth a look."""
WALL_SECONDS = 120.0
"""A machine's own clock further off is worth a look: certificates and logs read it, deadlines do not."""
SHOWN_HASH = 12
DETECT = "detect"


@dataclass(frozen=True, slots=True)
class DiskProbe:
    """A record written, flushed, read back and removed: how long it took, or a code of what failed."""

    milliseconds: float = 0.0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ClockView:
    """How well the server's time is known: the uncertainty of the best exchange, and how far exchanges
    contradict each other, both in seconds; None before the first.
    """

    uncertainty: float | None
    spread: float = 0.0


def package(ready: str, plan: CheckPlan) -> CheckResult:
    """`ready`: SHA-256 of the verified package on this disk, "" for none."""
    if not ready:
        return _result(CheckName.PACKAGE, Verdict.BAD, "none")
    same = ready == plan.package_sha256
    return _result(CheckName.PACKAGE, Verdict.GOOD if same else Verdict.BAD, ready[:SHOWN_HASH])


def version(own: str, wanted: str) -> CheckResult:
    """Older than the server, or no version at all, is bad; newer is worth a look."""
    try:
        verdict = Verdict.BAD if older(own, wanted) else Verdict.LOOK
    except ValueError:
        verdict = Verdict.BAD
    return _result(CheckName.VERSION, Verdict.GOOD if own == wanted else verdict, own)


def journal(probe: DiskProbe) -> CheckResult:
    """Whether answers reach the disk, and how soon."""
    if probe.fault:
        return _result(CheckName.JOURNAL, Verdict.BAD, probe.fault)
    slow = probe.milliseconds > SLOW_MS
    return _result(CheckName.JOURNAL, Verdict.LOOK if slow else Verdict.GOOD, _ms(probe.milliseconds))


def space(free_mb: float | None, plan: CheckPlan) -> CheckResult:
    """Free space for this user on the agent's disk in MiB, None when the disk does not say."""
    if free_mb is None:
        return _result(CheckName.SPACE, Verdict.BAD, "disk_error")
    if free_mb < plan.least_free_mb:
        verdict = Verdict.BAD
    else:
        verdict = Verdict.LOOK if free_mb < AMPLE * plan.least_free_mb else Verdict.GOOD
    return _result(CheckName.SPACE, verdict, f"{free_mb:.0f} MiB")


def device_key(works: bool) -> CheckResult:
    """Whether the seat's key can be read anew and signs what its public half verifies."""
    return _result(CheckName.KEY, Verdict.GOOD if works else Verdict.BAD, "" if works else "broken")


def clock(view: ClockView, plan: CheckPlan) -> CheckResult:
    """What a candidate may lose or win by an inexact idea of the server's time."""
    if view.uncertainty is None:
        return _result(CheckName.CLOCK, Verdict.BAD, "unknown")
    off = 1000 * view.uncertainty
    if off > plan.most_offset_ms:
        verdict = Verdict.BAD
    else:
        verdict = Verdict.LOOK if 1000 * view.spread > plan.most_offset_ms else Verdict.GOOD
    return _result(CheckName.CLOCK, verdict, f"±{_ms(off)}")


def wall(own: datetime, server: datetime | None) -> CheckResult:
    """The machine's own clock beside the server's time (both aware)."""
    if server is None:
        return _result(CheckName.WALL, Verdict.LOOK, "unknown")
    off = (own - server).total_seconds()
    verdict = Verdict.LOOK if abs(off) > WALL_SECONDS else Verdict.GOOD
    return _result(CheckName.WALL, verdict, f"{round(off):+d} s")


def label(shown: str, paired: str) -> CheckResult:
    """The seat's number on the screen beside the one that was paired."""
    return _result(CheckName.LABEL, Verdict.GOOD if shown == paired else Verdict.BAD, paired)


def lockdown(report: KioskReport, plan: CheckPlan) -> CheckResult:
    """How well the candidate is kept inside the page; where that is expected, none is worth a look."""
    if report.lockdown is Lockdown.OPEN:
        return _result(CheckName.LOCKDOWN, Verdict.BAD, ", ".join(report.open[:3]) or "open")
    kept = report.lockdown in (Lockdown.LOCKED, Lockdown.SEB) or not plan.lockdown
    return _result(CheckName.LOCKDOWN, Verdict.GOOD if kept else Verdict.LOOK, str(report.lockdown))


@dataclass(frozen=True, slots=True)
class ScreenView:
    """Displays of a workstation: how many show a picture, how many are plugged in; 0: it cannot be told."""

    lit: int = 0
    plugged: int = 0


def screens(view: ScreenView) -> CheckResult:
    """A second picture would cover the paper; a second display that is off is better unplugged before."""
    if view.lit > 1:
        return _result(CheckName.SCREENS, Verdict.BAD, str(view.lit))
    count = max(view.lit, view.plugged)
    verdict = Verdict.LOOK if count > 1 else Verdict.GOOD
    return _result(CheckName.SCREENS, verdict, str(count) if count else "unknown")


def camera(report: CameraReport) -> CheckResult:
    """Whether the camera gives pictures that can be looked at, of the size that it should.

    It starts nobody's exam and ends none: a seat without a camera is watched by people, so nothing is bad.
    """
    live = report.state is CameraState.LIVE and DETECT not in report.unavailable
    found = "unavailable" if DETECT in report.unavailable else str(report.state)
    if live and report.width:
        found = f"{report.width}×{report.height}"
    good = live and not report.odd_size
    return _result(CheckName.CAMERA, Verdict.GOOD if good else Verdict.LOOK, found)


def light(word: str) -> CheckResult:
    """What the picture's light and sharpness are called: good, dark, blurred, covered; "" without one."""
    return _result(
        CheckName.LIGHT, Verdict.GOOD if word in ("good", "manual") else Verdict.LOOK, word or "none"
    )


def canary(fault: str) -> CheckResult:
    """Whether the synthetic paper could be answered to its end; whether rightly, the server says."""
    return _result(CheckName.CANARY, Verdict.BAD if fault else Verdict.GOOD, fault)


def _result(name: CheckName, verdict: Verdict, found: str) -> CheckResult:
    return CheckResult(str(name), verdict, found)


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds >= 1 else "1 ms"
