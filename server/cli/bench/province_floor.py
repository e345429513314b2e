"""The floor of an authority: the smallest honest program that sends and takes the same bytes as safely.

Out it packs the same content, seals it to the site, signs, keeps it durably and reads it back. In it reads
the head, checks its signature and the hash of every part, opens the letter, unseals, unpacks and keeps the
whole in one durable insert. No HTTP, no rows, no streams, no look at what the content says.
"""

import sqlite3
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from itembank.letters import new_letter_key
from server.rules.site_file import FileBroken, Subject, joined, make, open_parts, read_file


class AuthorityFloor:
    """A file of SQLite with WAL and FULL; `out` and `back` are seconds of processor time so far."""

    def __init__(self, path: Path) -> None:
        self._line = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE floor_files (uid text PRIMARY KEY, data blob)",
        ):
            self._line.execute(statement)
        self._key, self._letter = Ed25519PrivateKey.generate(), new_letter_key()[1]
        self.out = self.back = 0.0

    def send(self, subject: Subject, content: dict[str, object]) -> None:
        """One dispatch."""
        began = time.process_time()
        head, parts = make(subject, content, self._letter, self._key)
        self._keep(head.uid, joined(head, parts))
        self._line.execute("SELECT data FROM floor_files WHERE uid=?", (head.uid,)).fetchone()
        self.out += time.process_time() - began

    def take(self, data: bytes, secret: bytes) -> None:
        """One file of results."""
        began = time.process_time()
        head, parts = read_file(data)
        if not open_parts(head, list(parts.values()), secret):
            raise FileBroken("shape")
        self._keep(head.uid, data)
        self.back += time.process_time() - began

    def _keep(self, uid: str, data: bytes) -> None:
        self._line.execute("INSERT INTO floor_files VALUES (?,?)", (uid, data))

    def close(self) -> None:
        """Gives the file back."""
        self._line.close()
