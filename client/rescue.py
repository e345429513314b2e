"""The rescue file of this workstation (`exam_rooms.rescue`): what lies in its journals, to carry away.

`python -m client --rescue TARGET --data DIR` works beside an agent that is dead or alive, and on a copy of
its data folder: files are only read. TARGET is a folder, a mounted stick for example, or a file.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from client.clock import boot_ns, read_boot_id
from client.device import Device, read_device, write_atomically
from client.journal import NAME, SUFFIX
from client.journal_file import Contents, JournalBroken, JournalFault, read
from client.machine import removable_drives
from client.running import RunningStore
from exam_rooms import rescue as form
from exam_rooms.protocol import Record
from itembank.letters import seal_letter

MOUNT_ROOTS = ("/media/", "/run/media/", "/mnt/")
"""Where sticks are mounted."""
_ESCAPED = re.compile(rb"\\(040|011|012|134|043)")
EXIT_FAILED, EXIT_NOTHING = 1, 2


class NothingToRescue(Exception):
    """No journal lies here whose records the server may lack."""


@dataclass(frozen=True, slots=True)
class Found:
    """One journal as it lies on the disk."""

    note: form.RescueJournal
    records: tuple[Record, ...]


def unsettled(journals: Path, journal_key: bytes) -> frozenset[tuple[int, int]]:
    """Attempt and number of every journal that is not settled, by the names of the files: readable or not."""
    settled = _settled(journals, journal_key)
    names = (NAME.fullmatch(path.name) for path in journals.glob(f"*{SUFFIX}"))
    found = frozenset((int(name[1]), int(name[2])) for name in names if name is not None)
    return frozenset(one for one in found if one[0] not in settled)


def _settled(journals: Path, journal_key: bytes) -> set[int]:
    return {one.attempt for one in RunningStore(journals, journal_key).load().values() if one.settled}


def find(
    journals: Path, journal_key: bytes, *, everything: bool = False, only: Container[int] | None = None
) -> list[Found]:
    """The readable journals of a folder; those that were settled with the server only with `everything`.

    `only`: of these attempts.
    """
    settled = _settled(journals, journal_key)
    found = []
    for path in sorted(journals.glob(f"*{SUFFIX}")):
        contents = _contents(path, journal_key)
        if contents is None or (only is not None and contents.note.attempt not in only):
            continue
        if everything or contents.note.attempt not in settled:
            found.append(contents)
    return found


def _contents(path: Path, journal_key: bytes) -> Found | None:
    """A journal's own records; of a damaged one those before the damage, which name the attempt."""
    try:
        whole: Contents = read(path.read_bytes(), journal_key)
        head = whole.header
        note = form.RescueJournal(head.attempt, head.journal, head.parent, len(whole.records))
        return Found(note, whole.records)
    except JournalBroken as fault:
        if not fault.records:
            return None
        first, count = fault.records[0], len(fault.records)
        note = form.RescueJournal(first.attempt, first.journal, first.prev, count, whole=False)
        return Found(note, fault.records)
    except (JournalFault, OSError):
        return None


def make(
    journals: Path, device: Device, *, everything: bool = False, only: Container[int] | None = None
) -> bytes:
    """The rescue file of a folder of journals. Raises `NothingToRescue`."""
    found = find(journals, device.journal_secret, everything=everything, only=only)
    if not found:
        raise NothingToRescue
    head = form.head_bytes(
        form.RescueHead(
            workstation=device.workstation,
            room=device.room,
            seat=device.seat,
            boot_id=read_boot_id(),
            boot_ns=boot_ns(),
            sealed=bool(device.rescue_key),
            journals=tuple(one.note for one in found),
        )
    )
    body = form.body_bytes(form.RescueBody(tuple(record for one in found for record in one.records)))
    if device.rescue_key:
        body = seal_letter(device.rescue_public_key, body, head)
    return form.assemble(head, body, device.signatures(form.signed_message(head, body)))


def keep(data: bytes, device: Device, target: Path) -> Path:
    """Writes a rescue file and returns where: `target` itself, or a new name in it. Raises OSError."""
    if target.is_dir():
        moment = time.strftime("%Y%m%d-%H%M%S")
        seat = "".join(sign for sign in device.seat if sign.isalnum()) or "seat"
        target = target / f"examhall-{seat}-{device.workstation}-{moment}{form.SUFFIX}"
    write_atomically(target, data)
    return target


def sticks(roots: Iterable[str] = MOUNT_ROOTS, mounts: Path = Path("/proc/mounts")) -> Iterator[Path]:
    """Drives that can be taken away and that this user may write to.

    Under Linux those mounted under the usual roots; a system without a list of mounts names its drives.
    """
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        places = removable_drives()
    else:
        fields = [line.split(b" ") for line in lines]
        found = [os.fsdecode(_unescaped(field[1])) for field in fields if len(field) > 2]
        places = [Path(place) for place in found if place.startswith(tuple(roots))]
    return (place for place in places if os.access(place, os.W_OK))


def _unescaped(place: bytes) -> bytes:
    """A path as proc(5) spells it in the list of mounts: blank, tab, new line, \\ and # by octal numbers."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), place)


def main(arguments: list[str]) -> int:
    """Makes a rescue file; 1 when the folder or the target cannot be used, 2 when nothing is to rescue."""
    parser = argparse.ArgumentParser(prog="python -m client --rescue", description="Make a rescue file.")
    parser.add_argument("--rescue", type=Path, required=True, metavar="TARGET", help="a folder or a file")
    parser.add_argument("--data", type=Path, required=True, help="the agent's data folder, or a copy of it")
    parser.add_argument("--all", action="store_true", help="settled attempts too")
    given = parser.parse_args(arguments)
    try:
        device = read_device(given.data)
        written = keep(make(given.data / "journals", device, everything=given.all), device, given.rescue)
    except NothingToRescue:
        sys.stderr.write("nothing to rescue: no journal here that the server may lack\n")
        return EXIT_NOTHING
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"no rescue file: {type(fault).__name__}: {fault}\n")
        return EXIT_FAILED
    sys.stdout.write(f"{written}\n")
    return 0
