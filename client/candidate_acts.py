"""What the candidate does at the page, asked of the agent: each act is done, or refused with a reason."""

from abc import ABC, abstractmethod

from client import exchange as x
from client.board import Board
from client.books import Books
from client.journal_file import JournalFault
from client.link import Link
from client.paper import Medium
from client.seat import PageRefused, Seat
from client.sheet import Entry
from exam_rooms.protocol import RecordKind, Route, Step

ACT_PATIENCE = 12.0
"""Seconds a page waits for the server's word on a sign-in."""


class CandidateActs(ABC):
    """The part of the agent that the page asks. Every public method may be called from any thread."""

    board: Board
    link: Link

    def __init__(self, seat: Seat, books: Books) -> None:
        self._seat = seat
        self._books = books
        self._photo: tuple[str, bytes] = ("", b"")
        self._outcomes: dict[int, x.ActDone | None] = {}
        self._kept: tuple[str, bytes] = ("", b"")
        self._kept_asked = 0

    @abstractmethod
    def _settle(self) -> None:
        """Decides what the agent wants next; under the lock."""

    def ask_server(self, path: str, message: object) -> None:
        """Sends an act and waits for the server's word. Raises `PageRefused` with its code."""
        with self.board.lock:
            if not self.link.up:
                raise PageRefused("no_link", 503)
            ref = self.link.act(path, message)
            self._outcomes[ref] = None
            self.board.changed.notify_all()
            self.board.changed.wait_for(lambda: self._outcomes[ref] is not None, ACT_PATIENCE)
            outcome = self._outcomes.pop(ref)
            self.link.drop_act(ref)
        if outcome is None or outcome.code == "no_link":
            raise PageRefused("no_link", 503)
        if outcome.code:
            raise PageRefused(outcome.code, 409, outcome.params)

    def answer(self, item: str, response: tuple[str, ...]) -> None:
        """Keeps an answer (empty: clears it); on disk when this returns. Raises `PageRefused`."""
        with self.board.lock:
            attempt, response = self._seat.check_answer(item, response, self.board.boot())
            if self._stands(self._seat.sheet.saying(item, response)):
                return  # the page was not told of it
            self._write(attempt, RecordKind.ANSWER if response else RecordKind.CLEAR, item, response)

    def mark(self, item: str, marked: bool) -> None:
        """Flags an item for another look. Raises `PageRefused`."""
        with self.board.lock:
            attempt = self._seat.check_item(item, self.board.boot())
            if not self._stands(self._seat.sheet.flagging(item, marked)):
                self._write(attempt, RecordKind.MARK if marked else RecordKind.UNMARK, item)

    def submit(self) -> None:
        """Hands in. Raises `PageRefused`."""
        with self.board.lock:
            if self._seat.step(self.board.boot()) == Step.SUBMITTED.value:
                return
            self._write(self._seat.check_submit(self.board.boot()), RecordKind.SUBMIT)

    def _stands(self, entry: Entry | None) -> bool:
        """Whether a choice that was written already is the candidate's last word, wherever others were made.

        Another seat may hold later ones that nobody has heard of; then it is written down again.
        """
        return entry is not None and self._books.stands(entry.record)

    def _write(self, attempt: int, kind: RecordKind, item: str = "", response: tuple[str, ...] = ()) -> None:
        try:
            entry = self._books.append(attempt, kind, item, response)
        except JournalFault as fault:
            self._settle()
            raise PageRefused(fault.code, 503 if fault.code == "journal_not_open" else 507) from fault
        self._seat.sheet.apply(entry)
        self._settle()

    def paper(self) -> bytes:
        """The open paper as JSON. Raises `PageRefused`."""
        with self.board.lock:
            return self._seat.check_reading(self.board.boot()).json

    def medium(self, sha256: str) -> Medium:
        """A picture, sound or film of the open paper. Raises `PageRefused`."""
        with self.board.lock:
            found = self._seat.check_reading(self.board.boot()).media.get(sha256)
        if found is None:
            raise PageRefused("not_found", 404)
        return found

    def kept(self, language: str) -> bytes:
        """What is kept about the candidate here, as the server says it now (JSON of a `KeptReply`).

        Raises `PageRefused`: `no_link`, or `not_found` when nobody is signed in. Kept nowhere.
        """
        with self.board.lock:
            if self._seat.attempt is None:
                raise PageRefused("not_found", 404)
            if not self.link.up:
                raise PageRefused("no_link", 503)
            self._kept_asked += 1
            key = f"{self._seat.attempt}-{self._kept_asked}"
            self.link.bulk.want(x.Ask.KEPT, key, f"{Route.KEPT}?lang={language}")
            self.board.changed.notify_all()
            self.board.changed.wait_for(lambda: self._kept[0] == key, ACT_PATIENCE)
            (found, data), self._kept = self._kept, ("", b"")
            self.link.bulk.want(x.Ask.KEPT, "", "")
        if found != key:
            raise PageRefused("no_link", 503)
        return data

    def photo(self) -> bytes:
        """The candidate's photo. Raises `PageRefused` when there is none (yet)."""
        with self.board.lock:
            if not self._photo[1]:
                raise PageRefused("no_photo", 404)
            return self._photo[1]
