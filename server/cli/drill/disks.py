"""A disk that fills up or turns read-only under whoever writes: a seat's agent, the server, its database.

With root's rights each seat has a small ext4 file system of its own: it fills up for real, and an aborted one
refuses every write (EROFS) as it does after a hardware fault. Without, the process may write no file
any longer than nothing (RLIMIT_FSIZE): the same refusals of the system, under one name.
"""

import os
import resource
import shutil
import subprocess
from pathlib import Path

SIZE = 320 << 20
"""Bytes; a seat asks for 200 MiB of free space before the start. Next to nothing of it is ever written."""
_LEAST = 1 << 10
_FILLER = "filler"
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


class DiskFault(Exception):
    """A disk for a seat could not be made."""


class Disk:
    """A file system of a seat's own, mounted on its folder."""

    def __init__(self, folder: Path, image: Path, size: int = SIZE) -> None:
        """Raises `DiskFault` when the system does not allow it."""
        self._folder = folder
        self._image = image
        self._size = size
        self._made = 1
        with image.open("wb") as file:
            file.truncate(size)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.mount()
        folder.chmod(0o700)

    def mount(self) -> None:
        """Puts it in place; what was interrupted is repaired by its own journal."""
        _run("mount", "-o", "loop,noatime", str(self._image), str(self._folder))

    def replace(self) -> None:
        """The disk after a restart of the machine: another device with the same blocks.

        The aborted file system may live on in some other mount namespace, so its device is not used again.
        """
        self.unmount()
        fresh = self._image.with_suffix(f".{self._made}.img")
        _run("cp", "--sparse=always", str(self._image), str(fresh))
        self._image.unlink()
        self._image, self._made = fresh, self._made + 1
        self.mount()

    def unmount(self) -> None:
        """Takes it away; nobody may have a file open there."""
        _run("umount", str(self._folder))

    def copy_in(self, source: Path) -> None:
        """Takes what lies in a folder, with its owners and its own rights."""
        _run("cp", "-a", f"{source}/.", str(self._folder))

    def fill(self) -> None:
        """Leaves no free block."""
        descriptor = os.open(self._folder / _FILLER, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            size, piece = 0, self._size
            while piece >= _LEAST:
                try:
                    os.posix_fallocate(descriptor, size, piece)
                    size += piece
                except OSError:
                    piece //= 2
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """There is room again."""
        (self._folder / _FILLER).unlink(missing_ok=True)

    def abort(self) -> None:
        """From now on nothing can be written, as after a fault of the hardware."""
        _run("mount", "-o", "remount,abort", str(self._folder))


def limit(process: int, most: int | None) -> None:
    """Lets a running process make files of at most so many bytes; None: of any size."""
    _soft, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (hard if most is None else most, hard))


def _run(*command: str) -> None:
    found = shutil.which(command[0], path=_PATH)
    if found is None:
        raise DiskFault(command[0])
    done = subprocess.run([found, *command[1:]], capture_output=True, check=False)
    if done.returncode:
        raise DiskFault(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-200:]}")
