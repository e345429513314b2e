"""What a workstation shows of itself: devices, displays, programs, its clocks, whether it is a real machine.

Everything is read below a root (`/` in earnest), so that nothing here depends on the machine it runs on. What
cannot be read says nothing: a sign is only what was seen.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

STEP_SECONDS = 2.0
"""A wall clock that moved by more against the boot clock was set by somebody (design D22)."""
SLEEP_SECONDS = 1.0
"""A boot clock that gained more on the monotonic clock slept: only suspend parts the two."""
STORAGE = "storage"
_CLASSES = {"03": "input", "06": "imaging", "08": STORAGE, "02": "network", "0a": "network", "e0": "wireless"}
"""USB interface classes that can bring something in or out; cameras, sound and hubs cannot."""
_MACHINES = (
    *("virtualbox", "vmware", "kvm", "qemu", "bochs", "xen", "parallels", "bhyve"),
    *("virtual machine", "hvm domu", "google compute engine", "standard pc"),
)
_DMI_FILES = ("product_name", "sys_vendor", "board_vendor", "bios_vendor")
_COMM_LENGTH = 15
"""Characters of a program's name that the kernel keeps in `comm`."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """All clocks at one moment, in seconds: wall (since 1970), boot, monotonic (still in suspend)."""

    wall: float
    boot: float
    monotonic: float


def wall_step(before: Clocks, after: Clocks) -> float:
    """Seconds by which the wall clock was set forward (or back, negative) between two looks; 0.0: not."""
    moved = (after.wall - before.wall) - (after.boot - before.boot)
    return moved if abs(moved) > STEP_SECONDS else 0.0


def slept(before: Clocks, after: Clocks) -> float:
    """Seconds of suspend between two looks of one boot; 0.0: none."""
    asleep = (after.boot - before.boot) - (after.monotonic - before.monotonic)
    return asleep if asleep > SLEEP_SECONDS else 0.0


@dataclass(frozen=True, slots=True, order=True)
class UsbDevice:
    """A device on the bus: its port, what it is for, and the ids of vendor and product (hex)."""

    port: str
    use: str
    ids: str

    @property
    def name(self) -> str:
        """How it is told: what it is for, and its ids."""
        return f"{self.use} {self.ids}"


def usb_devices(root: Path) -> frozenset[UsbDevice]:
    """Devices that bring in or out data or input; one entry for each use of a device."""
    folder = root / "sys/bus/usb/devices"
    found = set()
    for name in _names(folder):
        port, colon, _interface = name.partition(":")
        use = _CLASSES.get(_text(folder / name / "bInterfaceClass").lower()) if colon else None
        if use is not None:
            ids = f"{_text(folder / port / 'idVendor')}:{_text(folder / port / 'idProduct')}"
            found.add(UsbDevice(port, use, ids))
    return frozenset(found)


def screens(root: Path) -> int:
    """How many displays show a picture; one that is plugged in and switched off shows nobody anything."""
    return sum(_text(folder / "enabled") == "enabled" for folder in _plugged(root))


def screens_plugged(root: Path) -> int:
    """How many displays are connected, whether they show anything or not."""
    return len(_plugged(root))


def _plugged(root: Path) -> list[Path]:
    folder = root / "sys/class/drm"
    return [folder / name for name in _names(folder) if _text(folder / name / "status") == "connected"]


def lid_closed(root: Path) -> bool:
    """Whether this is a laptop whose lid is shut: its own display is seen by nobody."""
    folder = root / "proc/acpi/button/lid"
    states = [_text(folder / name / "state").split()[-1:] for name in _names(folder)]
    return ["closed"] in states


def machine(root: Path) -> str:
    """The name of the virtual machine that this is, "" for a real one."""
    for name in _DMI_FILES:
        text = _text(root / "sys/class/dmi/id" / name)
        if any(word in text.lower() for word in _MACHINES):
            return text
    return "hypervisor" if "hypervisor" in _cpu_flags(root) else ""


def _cpu_flags(root: Path) -> Sequence[str]:
    for line in _text(root / "proc/cpuinfo").splitlines():
        if line.startswith("flags"):
            return line.partition(":")[2].split()
    return ()


def programs(root: Path) -> frozenset[str]:
    """Names of the programs that run, lower case: as the kernel calls them, and of their files."""
    folder = root / "proc"
    found = set()
    for name in _names(folder):
        if name.isdecimal():
            found |= set(_program(folder / name))
    return frozenset(found)


def _program(folder: Path) -> Iterator[str]:
    comm = _text(folder / "comm").lower()
    if comm:
        yield comm
    try:  # of another user's process only root learns the file
        yield os.readlink(folder / "exe").removesuffix(" (deleted)").rpartition("/")[2].lower()
    except OSError:
        started = _text(folder / "cmdline").partition("\0")[0].rpartition("/")[2].lower()
        if len(comm) == _COMM_LENGTH and started.startswith(comm):
            yield started


def forbidden(running: Iterable[str], patterns: Sequence[str]) -> frozenset[str]:
    """Which of these programs fit a pattern ("obs", "teamviewer*"), whatever their case."""
    lowered = [pattern.lower() for pattern in patterns]
    return frozenset(name for name in running if any(fnmatchcase(name, each) for each in lowered))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return ""
