"""What a paired workstation keeps: its keys, the site it trusts, and the data folder with its lock."""

import base64
import errno
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.machine import lock_alone, os
from exam_rooms.wire import decode

DEVICE_FILE = "device.json"
LAUNCH_FILE = "launch"
LOCK_FILE = "agent.lock"
PROBE_FILE, PROBE_BYTES = "probe", 4096
DISK_CODES = ("disk_full", "read_only", "disk_error")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOG = logging.getLogger("examhall.kiosk")


class FolderInUse(Exception):
    """Another agent works in this data folder."""


FORMER_KEPT = 8
"""Earlier pairings whose keys are kept: journals of theirs may still lie here."""


@dataclass(frozen=True, slots=True)
class FormerKey:
    """The key of an earlier pairing: opens no session any more, but proves whose journals lie here."""

    workstation: int
    private_key: str


@dataclass(frozen=True, slots=True)
class Device:
    """A pairing. Keys are raw bytes in base64; `code_hash` tells whether a code on the command line is new.

    `journal_key` protects the journals on this disk and outlives a new pairing. `rescue_key`: the site's
    X25519 public key ("" when it was paired before there was one). `former`: pairings before, latest first.
    `servers`: all servers of the installation that are known here, the one in use first.
    """

    workstation: int
    room: str
    seat: str
    server: str
    private_key: str
    journal_key: str
    site_key: str
    ca_pem: str
    code_hash: str = ""
    rescue_key: str = ""
    former: tuple[FormerKey, ...] = ()
    servers: tuple[str, ...] = ()

    def sign(self, message: bytes) -> bytes:
        """Ed25519 with the seat's private key."""
        return sign_with(self.private_key, message)

    def after(self, former: "Device | None") -> "Device":
        """This pairing of a machine that was paired before."""
        if former is None:
            return self
        last = FormerKey(former.workstation, former.private_key)
        return replace(self, former=(last, *former.former)[:FORMER_KEPT])

    def signatures(self, message: bytes) -> dict[int, bytes]:
        """By workstation: this pairing's signature and those of the former ones."""
        former = {one.workstation: sign_with(one.private_key, message) for one in self.former}
        return {self.workstation: self.sign(message)} | former

    @property
    def site_public_key(self) -> bytes:
        """The key that signs packages and receipts of the site."""
        return base64.b64decode(self.site_key)

    @property
    def rescue_public_key(self) -> bytes:
        """The key that rescue files are sealed to."""
        return base64.b64decode(self.rescue_key)

    @property
    def journal_secret(self) -> bytes:
        """32 bytes from which journals and the running state are sealed."""
        return base64.b64decode(self.journal_key)


class DataFolder:
    """The agent's folder; exactly one process holds it."""

    def __init__(self, path: Path) -> None:
        """Makes what is missing, readable by its owner only. Raises `FolderInUse`.

        A disk that takes nothing does not stop the agent, which has to say so at the seat: see `fault`.
        """
        self.path = path
        self._lock: int | None = None
        try:
            self._make()
        except OSError as fault:
            LOG.error("data folder: %s", fault.strerror)
        self._lock = _opened_lock(path / LOCK_FILE)
        if self._lock is None:
            return
        try:
            lock_alone(self._lock)
        except BlockingIOError as fault:
            os.close(self._lock)
            raise FolderInUse(str(path)) from fault

    def _make(self) -> None:
        for folder in (self.path, self.journals, self.packages):
            _make_folder(folder)

    def fault(self) -> str:
        """Why nothing can be kept here now (`disk_code`), "" when it can: by trying it."""
        probe = self.path / PROBE_FILE
        try:
            self._make()
            write_atomically(probe, bytes(PROBE_BYTES))
            probe.unlink()
        except OSError as fault:
            return disk_code(fault)
        return ""

    @property
    def journals(self) -> Path:
        """Answer journals and the running state."""
        return self.path / "journals"

    @property
    def packages(self) -> Path:
        """Sealed paper packages by SHA-256."""
        return self.path / "packages"

    @property
    def evidence(self) -> Path:
        """What the camera has to tell, sealed, until the server has it; made when there is a pairing."""
        return self.path / "evidence"

    @property
    def launch_file(self) -> Path:
        """The address of the candidate page with its one-time nonce."""
        return self.path / LAUNCH_FILE

    def load_device(self) -> Device | None:
        """The pairing, or None before the first. Raises ValueError when the file is damaged."""
        try:
            data = _read_json(self.path)
        except FileNotFoundError:
            return None
        return decode(Device, data)

    def save_device(self, device: Device) -> None:
        """Keeps a pairing; durable when this returns."""
        write_atomically(self.path / DEVICE_FILE, json.dumps(asdict(device), indent=1).encode())

    def keep_servers(self, device: Device, servers: Iterable[str]) -> None:
        """Keeps with the pairing where the servers are. Raises OSError, ValueError."""
        wanted = tuple(dict.fromkeys(servers))
        kept = self.load_device()
        if kept is not None and kept.workstation == device.workstation and kept.servers != wanted:
            self.save_device(replace(kept, servers=wanted))

    def close(self) -> None:
        """Lets another agent take the folder."""
        if self._lock is not None:
            os.close(self._lock)


def disk_code(fault: OSError) -> str:
    """Which of `DISK_CODES` a failed write means."""
    if fault.errno in _FULL:
        return "disk_full"
    return "read_only" if fault.errno == errno.EROFS else "disk_error"


def _opened_lock(path: Path) -> int | None:
    """The lock's file; one on a disk that is read only locks as well. None when there is none."""
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            LOG.error("lock of the data folder: %s", fault.strerror)
    return None


def sign_with(private_key: str, message: bytes) -> bytes:
    """Ed25519 with a raw private key in base64."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key)).sign(message)


def read_device(folder: Path) -> Device:
    """The pairing of a data folder, beside a running agent or on a copy. Raises OSError, ValueError."""
    return decode(Device, _read_json(folder))


def load_journal_key(folder: Path) -> bytes:
    """The journal key of a data folder, for reading beside a running agent. Raises OSError, ValueError."""
    key = base64.b64decode(str(_read_json(folder).get("journal_key", "")), validate=True)
    if len(key) != 32:
        raise ValueError("no journal key")
    return key


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a private file so that after a crash there is the old content or the new. Raises OSError."""
    scratch = path.with_name(f"{path.name}.part")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Makes a folder whose name outlives a power cut: what is flushed inside it is lost with it otherwise."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes names in a folder durable."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows writes names through its file system's own journal
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_json(folder: Path) -> dict[str, object]:
    data = json.loads((folder / DEVICE_FILE).read_text("utf-8"))
    if not isinstance(data, dict):
        raise ValueError("device.json is not an object")
    return data
