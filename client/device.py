"""What a paired workstation keeps: its keys, the site it trusts, and the data folder with its lock."""

import base64
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exam_rooms.wire import decode

DEVICE_FILE = "device.json"
LAUNCH_FILE = "launch"
LOCK_FILE = "agent.lock"


class FolderInUse(Exception):
    """Another agent works in this data folder."""


@dataclass(frozen=True, slots=True)
class Device:
    """A pairing. Keys are raw bytes in base64; `code_hash` tells whether a code on the command line is new.

    `journal_key` protects the journals on this disk and outlives a new pairing.
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

    def sign(self, message: bytes) -> bytes:
        """Ed25519 with the seat's private key."""
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.private_key)).sign(message)

    @property
    def site_public_key(self) -> bytes:
        """The key that signs packages and receipts of the site."""
        return base64.b64decode(self.site_key)

    @property
    def journal_secret(self) -> bytes:
        """32 bytes from which journals and the running state are sealed."""
        return base64.b64decode(self.journal_key)


class DataFolder:
    """The agent's folder; exactly one process holds it."""

    def __init__(self, path: Path) -> None:
        """Makes what is missing, readable by its owner only. Raises `FolderInUse`, OSError."""
        self.path = path
        for folder in (path, self.journals, self.packages):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            os.close(self._lock)
            raise FolderInUse(str(path)) from fault

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

    def close(self) -> None:
        """Lets another agent take the folder."""
        os.close(self._lock)


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


def sync_folder(folder: Path) -> None:
    """Makes names in a folder durable."""
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
