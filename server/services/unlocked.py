"""The unwrapped master key while the machine is up: a file on tmpfs (design D8).

So a killed server starts again by itself, a power cut needs a person with the passphrase, and a stolen
disk carries no key.
"""

import hashlib
import json
import os
import secrets
import stat
from base64 import b64decode, b64encode
from pathlib import Path

from itembank.keyfile import KeyFile
from server.errors import Refused
from server.settings import Settings

MOUNTS = Path("/proc/self/mountinfo")
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def unlocked_path(settings: Settings) -> Path:
    """Where this installation's unwrapped key lies: one file for each key file."""
    name = hashlib.sha256(str(settings.keyfile).encode()).hexdigest()[:16]
    return settings.unlocked / f"{name}.json"


def read_unlocked(settings: Settings) -> KeyFile | None:
    """The unwrapped key; None when nobody unlocked it since the machine started."""
    path = unlocked_path(settings)
    if not path.exists():
        return None
    _check_private(settings.unlocked)
    data = json.loads(path.read_text())
    return KeyFile(b64decode(data["master"]), data["demo"])


def keep_unlocked(settings: Settings, key: KeyFile) -> Path:
    """Writes the unwrapped key (0600). Raises `Refused` unless the folder is in memory and private."""
    folder = settings.unlocked
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(folder)
    if not key.demo and file_system(folder) not in IN_MEMORY:
        raise Refused("unlocked_on_disk", path=folder)
    path = unlocked_path(settings)
    draft = folder / f"{secrets.token_hex(8)}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"master": b64encode(key.master).decode(), "demo": key.demo}, file)
    draft.replace(path)
    return path


def forget_unlocked(settings: Settings) -> None:
    """Removes the unwrapped key: the next start asks for the passphrase."""
    unlocked_path(settings).unlink(missing_ok=True)


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The type of file system that a path lies on, as the kernel names it."""
    resolved, found = path.resolve(), (0, "")
    for line in mounts.read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].encode().decode("unicode_escape"))
        if resolved.is_relative_to(point):
            found = max(found, (len(point.parts), after.split()[0]), key=lambda entry: entry[0])
    return found[1]


def _check_private(folder: Path) -> None:
    # /dev/shm is open to everybody: somebody else may have made the folder first.
    status = folder.lstat()
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not mine or status.st_mode & 0o077:
        raise Refused("unlocked_not_private", path=folder)
