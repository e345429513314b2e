"""What the systems that a seat may run on do differently: files, locks, the clock since the start.

A seat under Linux has everything. Behind Safe Exam Browser it runs under Windows or macOS, whose `os` lacks
some of it; `os` of this module fills the gaps, and is Python's own where there are none.
"""

import ctypes
import importlib
import os as _os
import secrets
import shutil
import threading
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
VOLUMES = Path("/Volumes")
_DRIVE_REMOVABLE = 2
_NEEDED = ("O_CLOEXEC", "fdatasync", "pread", "pwrite", "statvfs")
_LOCKED_BYTE = 1 << 40
"""Far behind what a file holds: Windows keeps others from reading what is locked."""


def _module(name: str) -> Any:  # noqa: ANN401 - of one system alone, so no types here
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_fcntl, _msvcrt = _module("fcntl"), _module("msvcrt")


class _Filled:
    """`os` with what it lacks here. Files are binary, and flushed as far as the system can be told to."""

    O_CLOEXEC = getattr(_os, "O_CLOEXEC", 0)

    def __init__(self) -> None:
        self._place = threading.Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as `os` itself
        return getattr(_os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        return _os.open(path, flags | getattr(_os, "O_BINARY", 0), mode)

    def fsync(self, descriptor: int) -> None:
        full = getattr(_fcntl, "F_FULLFSYNC", None)  # macOS: fsync stops at the disk's own memory
        if full is None:
            _os.fsync(descriptor)
        else:
            _fcntl.fcntl(descriptor, full)

    fdatasync = fsync

    def pread(self, descriptor: int, length: int, place: int) -> bytes:
        with self._place:
            _os.lseek(descriptor, place, _os.SEEK_SET)
            return _os.read(descriptor, length)

    def pwrite(self, descriptor: int, data: bytes, place: int) -> int:
        with self._place:
            _os.lseek(descriptor, place, _os.SEEK_SET)
            return _os.write(descriptor, data)

    def statvfs(self, folder: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=shutil.disk_usage(folder).free, f_frsize=1)


if TYPE_CHECKING:
    import os as os
else:
    os = _os if all(hasattr(_os, name) for name in _NEEDED) else _Filled()


def lock_alone(descriptor: int) -> None:
    """Keeps other processes out of a file until it is closed. Raises `BlockingIOError` when one has it."""
    if _fcntl is not None:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        return
    _os.lseek(descriptor, _LOCKED_BYTE, _os.SEEK_SET)
    try:
        _msvcrt.locking(descriptor, _msvcrt.LK_NBLCK, 1)
    except OSError as fault:
        raise BlockingIOError(*fault.args) from fault
    finally:
        _os.lseek(descriptor, 0, _os.SEEK_SET)


def removable_drives() -> list[Path]:
    """Drives that can be taken away, of a system that has no list of mounts to read.

    Windows: drive letters of the type DRIVE_REMOVABLE. macOS: volumes; a stick is mounted there by itself.
    """
    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    if kernel is not None:
        mask = kernel.GetLogicalDrives()
        roots = [f"{chr(ord('A') + place)}:\\" for place in range(26) if mask >> place & 1]
        return [Path(root) for root in roots if kernel.GetDriveTypeW(root) == _DRIVE_REMOVABLE]
    try:
        return sorted(path for path in VOLUMES.iterdir() if _os.path.ismount(path))
    except OSError:
        return []


def boot_ns() -> int:
    """Nanoseconds since the machine was started, suspend included.

    Linux: CLOCK_BOOTTIME. macOS: CLOCK_MONOTONIC, which counts sleep there. Windows: its tick count does too.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    if hasattr(time, "clock_gettime_ns"):
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return time.monotonic_ns()


def boot_id(path: Path = BOOT_ID_FILE) -> str:
    """This start of the machine.

    Where the system names none it is this start of the agent: less counts as comparable than is, never more.
    """
    if path.exists():
        return path.read_text("ascii").strip()
    return _session_of_macos() or _own_id()


@cache
def _own_id() -> str:
    return f"agent-{secrets.token_hex(12)}"


@cache
def _session_of_macos() -> str:
    ask = getattr(ctypes.CDLL(None), "sysctlbyname", None) if _os.name == "posix" else None
    if ask is None:
        return ""
    text, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    failed = ask(b"kern.bootsessionuuid", text, ctypes.byref(size), None, ctypes.c_size_t(0))
    return "" if failed else text.value.decode("ascii")
