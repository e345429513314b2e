"""Answers stranded after a new pairing are brought to the server."""

import json
import random
from collections.abc import Callable

import pytest

from client import exchange as x
from client import rescue
from client.books import Books
from client.bringing import Bringer
from client.device import DataFolder
from client.link_bulk import Bulk, Times
from client.outbox import Outbox
from exam_rooms.protocol import (
    ZERO_HEAD,
    AnswersReply,
    JournalReply,
    RecordKind,
    RefusedRecord,
    Route,
    SeatState,
    Step,
)
from exam_rooms.rescue import RescuedJournal, RescueReply
from exam_rooms.wire import encode
from tests.client.books_kit import NOW
from tests.client.rescue_kit import ELSEWHERE, SECRET, TICKS, b64, device, flipped, opened, own


@pytest.fixture
def books(folder: DataFolder) -> Books:
    made = Books(folder, SECRET, Outbox(), lambda: ("boot", next(TICKS)))
    made.grant(JournalReply(7, 1, ZERO_HEAD, b64(bytes(32))))
    for item in ("a", "b", "c"):
        made.append(7, RecordKind.ANSWER, item, ("A",))
    return made


def lane(
    books: Books, folder: DataFolder, *, ends_told: bool = True
) -> tuple[Outbox, Bulk, Callable[[SeatState], None]]:
    """A machine that was paired anew; `ends_told`: the server knows where the journals found here end."""
    outbox = books._outbox
    bulk = Bulk(random.Random(1), None)
    bringer = Bringer.of(outbox, bulk, folder.journals, device().after(device(2)))
    if ends_told:
        outbox.end_told(7, 1)
    return outbox, bulk, bringer.take_state


def answered(bulk: Bulk, request: x.Request, *journals: RescuedJournal) -> list[x.Event]:
    """The server has read the file and names these journals."""
    reply = x.Reply(200, json.dumps(encode(RescueReply(0, 0, journals))).encode())
    return bulk.accepted(request, reply, 61.0)


def offered(bulk: Bulk, now: float = 10.0) -> list[x.Request]:
    return [one for one in bulk.offers({}, Times(now)) if isinstance(one, x.Request)]


def test_what_no_request_will_carry_is_brought(books: Books, folder: DataFolder) -> None:
    outbox, bulk, take = lane(books, folder)
    take(ELSEWHERE)
    assert offered(bulk) == []  # the link carries it itself
    outbox.disown(7, 1)
    assert (outbox.attempts(), outbox.waiting()) == ([], 4)
    assert outbox.stranded_attempts() == {7}
    take(SeatState(1, NOW, "12", Step.ANSWERING, attempt=7))
    assert offered(bulk) == []  # the candidate goes on here: a new journal takes it over
    take(ELSEWHERE)
    (request,) = offered(bulk)
    assert (request.ask, request.path) == (x.Ask.RESCUE, Route.RESCUE)
    assert request.load is not None
    file, records = opened(request.load())
    assert records == own(books)
    assert set(file.signatures) == {3, 2}
    bulk.failed(request, 10.0)
    assert offered(bulk) == []
    (again,) = offered(bulk, 60.0)
    assert answered(bulk, again, RescuedJournal(7, 1, 4)) == [x.AnswersTaken(7)]
    assert (outbox.waiting(), outbox.stranded_attempts()) == (0, frozenset())
    take(ELSEWHERE)
    assert offered(bulk, 70.0) == []


def test_a_refused_file_waits_for_a_person(books: Books, folder: DataFolder) -> None:
    outbox, bulk, take = lane(books, folder)
    outbox.disown(7, 1)
    take(ELSEWHERE)
    (request,) = offered(bulk)
    bulk.refused(request, x.Reply(422, b"{}"), 10.0)
    take(ELSEWHERE)
    assert offered(bulk, 99.0) == []
    assert outbox.waiting() == 4  # and the monitor shows it


@pytest.mark.parametrize(
    ("named", "waiting"),
    [
        ((), 4),  # rescue_journal_unknown, rescue_journal_of_another
        ((RescuedJournal(7, 1, 2),), 2),
        ((RescuedJournal(7, 1, 3, (RefusedRecord(1, 4, "fork"),)),), 0),
        ((RescuedJournal(8, 1, 4), RescuedJournal(7, 2, 4)), 4),
    ],
)
def test_only_what_the_server_names_is_let_go(
    books: Books, folder: DataFolder, named: tuple[RescuedJournal, ...], waiting: int
) -> None:
    outbox, bulk, take = lane(books, folder)
    outbox.disown(7, 1)
    take(ELSEWHERE)
    (request,) = offered(bulk)
    answered(bulk, request, *named)
    assert (outbox.waiting(7), len(outbox.stranded(7))) == (waiting, waiting)
    take(ELSEWHERE)
    assert offered(bulk, 999.0) == []  # what is left is for a person to carry
    books.settle(None)
    if waiting:
        assert opened(rescue.make(folder.journals, device()))[1]
    else:
        with pytest.raises(rescue.NothingToRescue):
            rescue.make(folder.journals, device())


def test_a_journal_damaged_before_its_first_record_is_not_let_go(books: Books, folder: DataFolder) -> None:
    """It is not in the file, whatever the server says of the others; the records are still in memory."""
    records = own(books)
    outbox, bulk, take = lane(books, folder)
    books.grant(JournalReply(7, 2, records[-1].hash, b64(bytes(32)), records[:1]))
    books.append(7, RecordKind.ANSWER, "d", ("A",))
    outbox.disown(7, 1)
    outbox.disown(7, 2)
    first = folder.journals / "7-1.journal"
    frame = first.stat().st_size // 5
    first.write_bytes(flipped(first.read_bytes(), frame + 40))
    take(ELSEWHERE)
    (request,) = offered(bulk)
    assert request.load is not None
    file, _ = opened(request.load())
    assert [note.journal for note in file.head.journals] == [2]
    answered(bulk, request, RescuedJournal(7, 2, 2))
    assert [record.journal for record in outbox.stranded(7)] == [1] * 3
    books.settle(None)
    assert not books.running(7).settled


def test_the_end_of_a_former_pairings_journal_is_told_though_nothing_waits(
    books: Books, folder: DataFolder
) -> None:
    outbox, bulk, take = lane(books, folder, ends_told=False)
    outbox.acknowledge(7, AnswersReply({"1": 4}))
    assert outbox.waiting() == 0
    take(SeatState(1, NOW, "12", Step.ANSWERING, attempt=7))
    assert offered(bulk) == []  # once the candidate is done here
    books.settle(None)
    assert not books.running(7).settled  # a restart would ask again
    take(SeatState(1, NOW, "12", Step.TIME_OVER, attempt=7))
    (request,) = offered(bulk)
    assert request.load is not None
    assert opened(request.load())[1] == own(books)
    answered(bulk, request, RescuedJournal(7, 1, 4))
    take(ELSEWHERE)
    assert offered(bulk, 99.0) == []
    books.settle(None)
    assert books.running(7).settled
    _, later, take = lane(books, folder, ends_told=False)
    take(ELSEWHERE)
    assert offered(later) == []


def test_a_machine_that_was_paired_once_tells_its_ends_itself(books: Books, folder: DataFolder) -> None:
    bulk = Bulk(random.Random(1), None)
    Bringer.of(books._outbox, bulk, folder.journals, device()).take_state(ELSEWHERE)
    assert offered(bulk) == []


def test_nothing_is_stranded_that_was_acknowledged(books: Books, folder: DataFolder) -> None:
    outbox, _, _ = lane(books, folder)
    outbox.acknowledge(7, AnswersReply({"1": 4}))
    outbox.disown(7, 1)
    assert outbox.stranded_attempts() == frozenset()
