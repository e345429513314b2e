"""The folder of a standby: what was fetched and waits, and the copies of the stores as far as it is applied.

`standby` in the data folder: `standby.json` (the pairing), `lineage`, `inbox/STORE/ltx/...` (what is not
applied yet), `copy/FILE` (the stores as far as they are applied), `former` (a whole copy of the outbox
before, while another one is being fetched). A file counts as had when it is on the disk of the inbox.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from server.rules.shipping import SNAPSHOT_LEVEL, Shipment, next_shipments
from server.services.shipping import LINEAGE, STORES
from server.settings import Settings

_KEPT = ("inbox", "copy")


class Inbox:
    """The standby's folder. Nothing here speaks to anybody."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data / "standby"

    def lineage(self) -> str:
        """Which outbox the files come from; "" for none yet."""
        path = self.root / LINEAGE
        return path.read_text() if path.exists() else ""

    def begin(self, lineage: str) -> None:
        """Begins with another outbox. A whole copy of the one before is put aside until the new one is whole:
        the primary may die before that.
        """
        former = self.root / "former"
        if self.whole() and not former.exists():
            former.mkdir(mode=0o700)
            for name in _KEPT:
                (self.root / name).rename(former / name)
        for name in _KEPT:
            shutil.rmtree(self.root / name, ignore_errors=True)
        for store in STORES:
            self.folder(store).mkdir(mode=0o700, parents=True)
        write_synced(self.root / LINEAGE, [lineage.encode()])

    def whole(self) -> bool:
        """Whether there is a copy of each store."""
        return all(self.applied(store) for store in STORES)

    def fall_back(self) -> None:
        """Takes the copy of the outbox before again when the new one never became whole."""
        former = self.root / "former"
        if self.whole() or not (former / "copy").is_dir():
            return
        for name in _KEPT:
            if (former / name).is_dir():
                shutil.rmtree(self.root / name, ignore_errors=True)
                (former / name).rename(self.root / name)
        sync(self.root)

    def drop_waiting(self, store: str) -> None:
        """Throws away what is not applied: it will be fetched once more."""
        for shipment in self.waiting(store):
            (self.folder(store) / shipment.name).unlink(missing_ok=True)

    def folder(self, store: str) -> Path:
        """Where a store's files wait."""
        return self.root / "inbox" / store

    def copy(self, store: str) -> Path:
        """The store as far as it is applied."""
        return self.root / "copy" / STORES[store]

    def applied(self, store: str) -> int:
        """The last transaction in the copy; 0 for none."""
        copy = self.copy(store)
        try:
            return int(copy.with_name(f"{copy.name}-txid").read_text(), 16)
        except (FileNotFoundError, ValueError):
            return 0

    def waiting(self, store: str) -> list[Shipment]:
        """The files in a store's inbox."""
        found = []
        for level in range(SNAPSHOT_LEVEL + 1):
            folder = self.folder(store) / "ltx" / str(level)
            names = (entry.name for entry in os.scandir(folder)) if folder.is_dir() else ()
            found += [one for one in (Shipment.of(level, name) for name in names) if one is not None]
        return found

    def have(self, store: str) -> int:
        """The last transaction that is here without a gap, applied or waiting."""
        applied = self.applied(store)
        chain = next_shipments(self.waiting(store), applied)
        return chain[-1].last if chain else applied

    def put(self, store: str, shipment: Shipment, chunks: Iterator[bytes]) -> None:
        """Keeps a file; it is on the disk under its name when this returns."""
        path = self.folder(store) / shipment.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_synced(path, chunks)

    def prune(self, store: str) -> None:
        """Syncs the copy, then drops the files that it holds: a later start goes on from the copy alone."""
        applied = self.applied(store)
        if not applied:
            return
        for path in (self.copy(store), self.copy(store).parent):
            sync(path)
        for shipment in self.waiting(store):
            if shipment.last <= applied:
                (self.folder(store) / shipment.name).unlink(missing_ok=True)
        if self.whole():
            shutil.rmtree(self.root / "former", ignore_errors=True)


def write_synced(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes beside the place, syncs, renames, and syncs the folder; what was not finished leaves nothing."""
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)  # on a full disk it would keep the room that is missing
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Makes a file or a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
