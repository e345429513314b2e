"""What a candidate jots down for nobody else: options struck out, notes, and where the reading stopped.

None of it is an answer, none of it is sent anywhere. It is kept sealed beside the journals so that a
reload, a crash or a restart gives it back, and is gone once the seat is collected or somebody else's.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from client.board import Board
from client.device import write_atomically
from client.seat import FINAL, PageRefused
from exam_rooms.protocol import SeatState
from exam_rooms.wire import canonical, decode, encode
from itembank.sealing import SealBroken, derive, open_sealed, seal

V = TypeVar("V")
LOG = logging.getLogger("examhall.kiosk")
SUFFIX = ".notes"
NOTE_LIMIT = 1_000
"""Characters of the note to one question."""
STRUCK_LIMIT = 26
_NAME = re.compile(rf"(\d+){re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True)
class Notes:
    """`item` was looked at last; `struck` are option keys by item, `texts` notes by item; announcements up
    to number `read` were read.
    """

    item: str = ""
    struck: dict[str, tuple[str, ...]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    read: int = 0


def noted(notes: Notes, body: Mapping[str, object]) -> Notes:
    """The notes after what the page says: `item` was looked at, its `struck` and `note` when they are
    given; `read` as above. Raises `PageRefused`.
    """
    made = notes
    if "item" in body:
        made = _of_item(made, str(body["item"]), body)
    read = body.get("read", made.read)
    if not isinstance(read, int) or isinstance(read, bool) or not 0 <= read < 2**53:
        raise PageRefused("bad_request", 400, {"field": "read"})
    return replace(made, read=max(read, made.read))


def _of_item(notes: Notes, item: str, body: Mapping[str, object]) -> Notes:
    struck = body.get("struck", notes.struck.get(item, ()))
    text = body.get("note", notes.texts.get(item, ""))
    if not isinstance(struck, list | tuple) or len(struck) > STRUCK_LIMIT or not all(map(_is_key, struck)):
        raise PageRefused("bad_request", 400, {"field": "struck"})
    if not isinstance(text, str) or len(text) > NOTE_LIMIT or "\0" in text:
        raise PageRefused("bad_request", 400, {"field": "note"})
    texts = {**notes.texts, item: text if text.strip() else ""}
    return replace(
        notes,
        item=item,
        struck=_filled({**notes.struck, item: tuple(dict.fromkeys(struck))}),
        texts=_filled(texts),
    )


def _is_key(key: object) -> bool:
    return isinstance(key, str) and 0 < len(key) <= 64


def _filled(entries: dict[str, V]) -> dict[str, V]:
    return {key: value for key, value in entries.items() if value}


class Pad:
    """The notes of the attempt at this seat, in memory and in one sealed file."""

    def __init__(self, board: Board, folder: Path, device_key: bytes) -> None:
        self._board = board
        self._folder = folder
        self._key = derive(device_key, "notes")
        self._attempt: int | None = None
        self._notes = Notes()

    def take_state(self, state: SeatState) -> None:
        """Opens the notes of the attempt at the seat; drops those of another, and of a collected one."""
        attempt = state.attempt
        if attempt is None:
            return
        if state.collect and state.step in FINAL:
            self._wipe(None)
            self._show(Notes())
        elif attempt != self._attempt:
            self._wipe(attempt)
            self._show(self._load(attempt))
        self._attempt = attempt
        self._board.seat.notes = encode(self._notes)  # the seat clears its desk on the way

    def take_act(self, body: Mapping[str, object]) -> None:
        """`/api/notes` of the page: see `noted`. Raises `PageRefused`."""
        with self._board.lock:
            seat = self._board.seat
            if "item" in body:
                seat.check_item(str(body["item"]), self._board.boot())
            if self._attempt is None or seat.attempt != self._attempt:
                raise PageRefused("not_answering")
            after = noted(self._notes, body)
            if after != self._notes:
                self._show(after)
                self._save(self._attempt, after)

    def _show(self, notes: Notes) -> None:
        self._notes = notes
        self._board.seat.notes = encode(notes)

    def _load(self, attempt: int) -> Notes:
        try:
            data = open_sealed(self._key, self._path(attempt).read_bytes(), _aad(attempt))
            return decode(Notes, json.loads(data))
        except FileNotFoundError:
            return Notes()
        except (SealBroken, ValueError, OSError) as fault:
            LOG.warning("notes not read: %s", type(fault).__name__)
            return Notes()

    def _save(self, attempt: int, notes: Notes) -> None:
        """A full disk is noted, not raised: the answers matter, these do not."""
        try:
            data = seal(self._key, canonical(encode(notes)), _aad(attempt))
            write_atomically(self._path(attempt), data)
        except OSError as fault:
            LOG.warning("notes not kept: %s", fault.strerror)

    def _wipe(self, but: int | None) -> None:
        for path in self._folder.glob(f"*{SUFFIX}"):
            match = _NAME.fullmatch(path.name)
            if match is None or int(match[1]) == but:
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as fault:
                LOG.warning("notes stay on the disk: %s", fault.strerror)

    def _path(self, attempt: int) -> Path:
        return self._folder / f"{attempt}{SUFFIX}"


def _aad(attempt: int) -> bytes:
    return f"notes|{attempt}".encode()
