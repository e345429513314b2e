"""The rescue file: made beside a dead agent, of damaged journals, with the keys of earlier pairings."""

import base64
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from client import __main__ as program
from client import exchange as x
from client import rescue
from client import seat as client_seat
from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.clock import ServerClock
from client.device import FORMER_KEPT, DataFolder, Device, read_device
from client.exchange import Credentials
from client.link import Link
from client.outbox import Outbox
from client.paper import Shelf
from client.pin import PinGate
from client.rescue_act import RescueAct
from client.running import Running
from exam_rooms import rescue as form
from exam_rooms.kiosk_messages import KioskPlan
from exam_rooms.pins import hashed_pin
from exam_rooms.protocol import ZERO_HEAD, JournalReply, RecordKind
from itembank.letters import new_letter_key, open_letter
from itembank.sealing import SealBroken
from tests.client.rescue_kit import ELSEWHERE, SECRET, SITE_PRIVATE, TICKS, b64, device, flipped, opened, own


def public(one: Device, number: int) -> Ed25519PublicKey:
    keys = {one.workstation: one.private_key} | {each.workstation: each.private_key for each in one.former}
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(keys[number])).public_key()


@pytest.fixture
def books(folder: DataFolder) -> Books:
    made = Books(folder, SECRET, Outbox(), lambda: ("boot", next(TICKS)))
    made.grant(JournalReply(7, 1, ZERO_HEAD, b64(bytes(32))))
    for item in ("a", "b", "c"):
        made.append(7, RecordKind.ANSWER, item, ("A",))
    return made


def test_a_file_holds_every_record_and_is_signed(books: Books, folder: DataFolder) -> None:
    me = device()
    file, records = opened(rescue.make(folder.journals, me))
    assert records == own(books)
    assert (file.head.workstation, file.head.seat, file.head.room) == (3, "12", "一号考场")
    assert file.head.journals == (form.RescueJournal(7, 1, ZERO_HEAD, 4),)
    public(me, 3).verify(file.signatures[3], file.message)


def test_only_the_site_opens_it_and_nothing_can_be_exchanged(books: Books, folder: DataFolder) -> None:
    me = device()
    data = rescue.make(folder.journals, me)
    file = form.take_apart(data)
    with pytest.raises(SealBroken):
        open_letter(new_letter_key()[0], file.body, file.head_bytes)
    with pytest.raises(SealBroken):
        open_letter(SITE_PRIVATE, file.body, file.head_bytes.replace(b'"12"', b'"13"'))
    for changed in (data.replace(b'"seat":"12"', b'"seat":"13"'), flipped(data, len(data) // 2)):
        other = form.take_apart(changed)
        with pytest.raises(InvalidSignature):
            public(me, 3).verify(other.signatures[3], other.message)
    assert b'"item"' not in data


def test_every_cut_of_a_file_is_refused(books: Books, folder: DataFolder) -> None:
    data = rescue.make(folder.journals, device())
    for length in range(0, len(data), 37):
        with pytest.raises(form.RescueBroken):
            form.take_apart(data[:length])
    with pytest.raises(form.RescueBroken, match="rescue_broken"):
        form.take_apart(data + b"x")
    with pytest.raises(form.RescueBroken, match="rescue_too_large"):
        form.take_apart(data + bytes(form.MOST_BYTES))


def test_a_machine_without_the_sites_key_leaves_the_body_as_it_is(books: Books, folder: DataFolder) -> None:
    file = form.take_apart(rescue.make(folder.journals, device(rescue_key=b"")))
    assert file.head.sealed is False
    assert form.read_body(file.body) == own(books)


def test_a_damaged_journal_gives_what_was_sound_before_the_damage(books: Books, folder: DataFolder) -> None:
    records = own(books)
    (path,) = folder.journals.glob("*.journal")
    data = path.read_bytes()
    path.write_bytes(flipped(data, len(data) - 10))
    file, found = opened(rescue.make(folder.journals, device()))
    assert found == records[:3]
    assert file.head.journals == (form.RescueJournal(7, 1, ZERO_HEAD, 3, whole=False),)


def test_a_torn_end_is_no_damage(books: Books, folder: DataFolder) -> None:
    (path,) = folder.journals.glob("*.journal")
    path.write_bytes(path.read_bytes()[:-5])
    file, found = opened(rescue.make(folder.journals, device()))
    assert (len(found), file.head.journals[0].whole) == (3, True)


def test_what_is_settled_stays_behind_unless_all_is_asked_for(books: Books, folder: DataFolder) -> None:
    books.remember(Running(7, settled=True))
    with pytest.raises(rescue.NothingToRescue):
        rescue.make(folder.journals, device())
    assert len(opened(rescue.make(folder.journals, device(), everything=True))[1]) == 4


def test_the_keys_of_earlier_pairings_sign_too_and_not_without_end() -> None:
    pairings = [device(number) for number in range(1, 12)]
    me = pairings[0]
    for later in pairings[1:]:
        me = later.after(me)
    assert len(me.former) == FORMER_KEPT
    assert [one.workstation for one in me.former] == list(range(10, 10 - FORMER_KEPT, -1))
    signatures = me.signatures(b"message")
    assert set(signatures) == {11, *(one.workstation for one in me.former)}
    for number, signature in signatures.items():
        public(me, number).verify(signature, b"message")


def test_beside_a_dead_or_living_agent_from_the_command_line(
    books: Books, folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.save_device(device())
    stick = tmp_path / "stick"
    stick.mkdir()
    assert program.main(["--rescue", str(stick), "--data", str(folder.path)]) == 0  # the folder is locked
    (made,) = stick.iterdir()
    assert made.name.startswith("examhall-12-3-") and made.suffix == ".exrs"
    assert str(made) in capsys.readouterr().out
    assert len(opened(made.read_bytes())[1]) == 4
    assert program.main(["--rescue", str(tmp_path / "one.exrs"), "--data", str(folder.path)]) == 0
    assert program.main(["--rescue", str(stick), "--data", str(tmp_path / "nowhere")]) == 1
    for journal in folder.journals.glob("*.journal"):
        journal.unlink()
    assert program.main(["--rescue", str(stick), "--data", str(folder.path)]) == 2
    assert read_device(folder.path).workstation == 3


def test_an_older_pairing_file_still_opens(folder: DataFolder) -> None:
    folder.save_device(device())
    data = json.loads((folder.path / "device.json").read_text())
    del data["rescue_key"], data["former"]
    (folder.path / "device.json").write_text(json.dumps(data))
    assert (read_device(folder.path).rescue_key, read_device(folder.path).former) == ("", ())


def test_sticks_are_found_among_mounts(tmp_path: Path) -> None:
    stick, other = tmp_path / "USB DISK", tmp_path / "elsewhere"
    stick.mkdir()
    other.mkdir()
    mounts = tmp_path / "mounts"
    spelled = str(stick).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 {spelled} vfat rw 0 0\nbroken\n")
    assert list(rescue.sticks([f"{tmp_path}/USB"], mounts)) == [stick]
    assert list(rescue.sticks([f"{tmp_path}/else"], mounts)) == []


# --- at the running seat ------------------------------------------------------------------------------


class Seat:
    """An agent over the journals of a folder, with the PIN 1234 5678 in its state and one stick."""

    def __init__(self, books: Books, folder: DataFolder, stick: Path) -> None:
        me = device()
        self.link = Link(Credentials(3, me.sign, "test"), books._outbox, random.Random(1))
        seat = client_seat.Seat(ServerClock("boot"), books._outbox)
        board = Board(seat, lambda: 1.0)
        shelf = Shelf(folder.packages, bytes(32))
        self.agent = Agent(Parts(board, books, self.link, books._outbox, shelf, bytes(32), "boot"))
        self.sticks = [stick]
        self.wrong = 0
        gate = PinGate(self._wrong)
        self.agent.listeners.append(gate.take_state)
        self.act = RescueAct(self.agent, folder.journals, me, gate, lambda: self.sticks)
        pin = hashed_pin("u", "12345678", bytes(16))
        self.agent.handle([x.StateSeen(replace(ELSEWHERE, kiosk=KioskPlan(pin=pin)))])

    def _wrong(self) -> None:
        self.wrong += 1

    def refused(self, **body: object) -> str:
        with pytest.raises(client_seat.PageRefused) as refusal:
            self.act.take_act(body)
        return refusal.value.code


@pytest.fixture
def seat(books: Books, folder: DataFolder, tmp_path: Path) -> Seat:
    stick = tmp_path / "stick"
    stick.mkdir()
    return Seat(books, folder, stick)


def test_an_invigilator_takes_the_answers_away_on_a_stick(seat: Seat, books: Books) -> None:
    seat.act.take_act({"act": "stick", "pin": "1234 5678"})
    (made,) = seat.sticks[0].iterdir()
    assert opened(made.read_bytes())[1] == own(books)


def test_nobody_without_the_pin_gets_them(seat: Seat) -> None:
    assert [seat.refused(act="stick", pin=pin) for pin in ("0000 0000", "", "1234567")] == [
        "quit_wrong_pin"
    ] * 3
    assert seat.refused(act="stick", pin="1234 5678") == "quit_wait"  # even the right one has to wait now
    assert seat.wrong == 3  # each is told to the room
    assert seat.refused(act="stick") == "bad_request"
    assert seat.refused(act="other") == "bad_request"
    assert list(seat.sticks[0].iterdir()) == []


def test_no_stick_and_a_full_one(seat: Seat, folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (stick,), seat.sticks = seat.sticks, []
    assert seat.refused(act="stick", pin="12345678") == "rescue_no_stick"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    seat.sticks = [stick]
    monkeypatch.setattr(rescue, "write_atomically", full)
    assert seat.refused(act="stick", pin="12345678") == "rescue_not_written"
    for path in folder.journals.glob("*.journal"):
        path.unlink()
    assert seat.refused(act="stick", pin="12345678") == "rescue_nothing"


def test_a_place_that_cannot_be_looked_for_is_an_answer(seat: Seat) -> None:
    def gone() -> list[Path]:
        raise OSError(5, "Input/output error")

    seat.act._sticks = gone
    assert seat.refused(act="stick", pin="12345678") == "rescue_not_written"


def test_a_seat_tries_again_at_once_when_somebody_asks(seat: Seat) -> None:
    request = seat.link.next(x.Lane.MAIN, 1.0)
    assert isinstance(request, x.Request)
    seat.link.failed(x.Lane.MAIN, request, 1.0)
    waits = seat.link.next(x.Lane.MAIN, 1.0)
    assert isinstance(waits, float) and waits > 1.0
    seat.act.take_act({"act": "send"})
    assert isinstance(seat.link.next(x.Lane.MAIN, 1.0), x.Request)
