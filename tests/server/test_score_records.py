"""What a tablet sends: records kept sealed once and in their order, forks on both sides, and locks that hold."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from exam_rooms.wire import canonical
from server.access import Actor
from server.db.assessing import ScoreRecord, ScoreSheet, Turn
from server.host import Host
from server.rules.sheet_chain import read_body, signed_by
from server.services import sheets
from tests.server.assessing_kit import Stage, make_assessment
from tests.server.scoring_facts import SignIn, acts, finish, rows
from tests.server.scoring_kit import SALT, Tablet, body, chained, deduct, lock, outcomes, points


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Stage:
    return make_assessment(host, person_as)


@pytest.fixture
def tablets(stage: Stage, sign_in: SignIn) -> list[Tablet]:
    made = [Tablet(sign_in(who)).register() for who in stage.examiners]
    for tablet in made:
        tablet.look()
    return made


# --- records ----------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_records_are_kept_sealed_once_however_often_they_are_sent(
    stage: Stage, tablets: list[Tablet]
) -> None:
    stage.perform(1)
    made = [tablets[0].record(1, deduct("1.1", "b", count)) for count in (1, 2, 3)]
    assert outcomes(tablets[0].send(*made)) == ["stored"] * 3
    assert outcomes(tablets[0].send(*made)) == ["known"] * 3
    assert outcomes(tablets[0].send(made[1])) == ["known"]
    kept = rows(stage.host)
    assert [row.seq for row in kept] == [1, 2, 3]
    assert not any(b"deduct" in row.sealed or b"1.1" in row.sealed for row in kept)


def test_marks_wait_until_the_candidate_begins_and_then_count(stage: Stage, tablets: list[Tablet]) -> None:
    made = tablets[0].record(1, deduct("1.1", "a"))
    assert outcomes(tablets[0].send(made)) == ["wait turn_not_started"]
    assert rows(stage.host) == []
    stage.perform(1)
    assert outcomes(tablets[0].send(made)) == ["stored"]


def test_a_record_that_came_before_the_one_it_follows_waits(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    first, second = (tablets[0].record(1, deduct("1.1", "b", count)) for count in (1, 2))
    assert outcomes(tablets[0].send(second)) == ["wait record_missing"]
    assert outcomes(tablets[0].send(first, second)) == ["stored", "stored"]


def test_what_the_template_does_not_know_is_kept_and_does_not_count(
    stage: Stage, tablets: list[Tablet]
) -> None:
    stage.perform(1)
    wrong = [deduct("9.9", "a"), deduct("1.1", "z"), points("2.1", "100.5"), {"act": "give", "item": "1.1"}]
    acks = tablets[0].mark(1, *wrong, deduct("1.1", "a"))
    assert [ack["outcome"] for ack in acks] == ["refused"] * 4 + ["stored"]
    assert all(ack["message"] and ack["message"] != ack["code"] for ack in acks[:4])
    assert [bool(row.refused) for row in rows(stage.host)] == [True] * 4 + [False]
    tablets[0].look()
    shown = tablets[0].turn(1)["sheet"]["records"]
    assert [row["refused"] for row in shown] == [ack["code"] for ack in acks]


def test_why_a_record_does_not_count_is_never_said_with_holes(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    made = tablets[0].record(1, points("2.1", "100.5"))
    first, again = (tablets[0].send(made)[0] for _time in "12")
    assert (first["outcome"], first["code"]) == (again["outcome"], again["code"])
    assert "100" in first["message"]
    assert again["message"] == ""  # the limit is not kept with the record


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_server_that_was_put_back_takes_the_chain_again(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    made = [tablets[0].record(1, deduct("1.1", "b", count)) for count in (1, 2, 3)]
    tablets[0].send(*made)

    def put_back(session) -> None:
        session.execute(delete(ScoreRecord).where(ScoreRecord.seq > 1))

    stage.host.db.write(put_back)
    assert outcomes(tablets[0].mark(1, deduct("1.1", "b", 4))) == ["wait record_missing"]
    assert outcomes(tablets[0].send(*made)) == ["known", "stored", "stored"]
    assert len(rows(stage.host)) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"action": 3, "at": "x", "salt": "y"}', "[" * 2000])
def test_a_body_that_is_none_is_kept_and_does_not_count(
    stage: Stage, tablets: list[Tablet], text: str
) -> None:
    stage.perform(1)
    made = tablets[0].record(1, {"act": "deduct"}, text=text or " ")
    assert outcomes(tablets[0].send(made)) == ["refused sheet_record_unreadable"]
    assert outcomes(tablets[0].mark(1, deduct("1.1", "a"))) == ["stored"]


def test_a_wrong_hash_and_an_endless_body_are_not_kept(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    made = tablets[0].record(1, deduct("1.1", "a"))
    forged = replace(made, body=body(deduct("1.1", "b")))
    long = tablets[0].record(2, {"act": "note"}, text="x" * 5000)
    assert outcomes(tablets[0].send(forged, long)) == ["refused record_broken"] * 2
    assert rows(stage.host) == []


@pytest.mark.dear
@pytest.mark.both_stores
@pytest.mark.parametrize(
    "place", [{"seq": 0}, {"seq": -5}, {"seq": 1 << 40}, {"prev": "a" * 5000}, {"prev": "A" * 64}]
)
def test_a_record_without_a_place_that_can_be_is_not_kept_and_harms_no_other(
    stage: Stage, tablets: list[Tablet], place: dict[str, object]
) -> None:
    stage.perform(1)
    good = tablets[0].record(1, deduct("1.1", "a"))
    bare = replace(good, **place)  # type: ignore[arg-type]
    assert outcomes(tablets[0].send(replace(bare, hash=bare.digest()), good)) == [
        *("refused record_broken", "stored"),
    ]
    assert [row.seq for row in rows(stage.host)] == [1]


def test_nobody_writes_on_another_ones_sheet_or_journal(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    first, second = tablets[:2]
    theirs = first.record(1, deduct("1.1", "a"))
    assert outcomes(second.send(theirs)) == ["refused sheet_not_yours"]
    again = Tablet(first.client).register()
    assert outcomes(again.send(theirs)) == ["refused sheet_journal_not_yours"]
    assert rows(stage.host) == []


def test_an_examiner_who_is_not_on_the_panel_is_kept_and_does_not_count(
    stage: Stage, tablets: list[Tablet]
) -> None:
    stage.perform(1)

    def others_only(session) -> None:
        turn = session.get_one(Turn, stage.turn(1).id)
        turn.panel = [who.user_id for who in stage.examiners[1:]]

    stage.host.db.write(others_only)
    assert outcomes(tablets[0].mark(1, deduct("1.1", "a"))) == ["refused not_on_panel"]
    assert [row.refused for row in rows(stage.host)] == ["not_on_panel"]


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_fork_is_kept_on_both_sides_told_and_gets_a_new_journal(
    stage: Stage, tablets: list[Tablet]
) -> None:
    stage.perform(1)
    tablet = tablets[0]
    tablet.mark(1, deduct("1.1", "b", 1))
    sheet = tablet.turn(1)["sheet"]
    place = sheet["uid"], sheet["journal"]["journal"]
    copy = dict(tablet.ends)
    assert outcomes(tablet.mark(1, deduct("1.1", "b", 2))) == ["stored"]
    tablet.ends = copy  # a copy of the tablet goes on from the same place
    forked = [tablet.record(1, deduct("1.1", "b", count)) for count in (3, 4)]
    assert outcomes(tablet.send(*forked)) == ["fork record_forked"] * 2
    assert outcomes(tablet.send(*forked)) == ["fork record_forked"] * 2
    assert [(row.seq, row.forked) for row in rows(stage.host)] == [
        (1, False),
        (2, False),
        (2, True),
        (3, True),
    ]
    assert len(acts(stage.host, "sheet_record_forked")) == 1
    with stage.host.db.read() as session:
        (fork,) = sheets.forks(session, stage.room_sitting)
        assert (fork.user_id, fork.records) == (stage.examiners[0].user_id, 2)
    tablet.look()
    fresh = tablet.turn(1)["sheet"]["journal"]
    assert fresh["journal"] == place[1] + 1
    assert fresh["head"] == next(row.hash for row in rows(stage.host) if row.seq == 2 and not row.forked)
    assert outcomes(tablet.mark(1, deduct("1.1", "b", 0))) == ["stored"]
    assert [row["refused"] for row in tablet.look()["rooms"][0]["turns"][0]["sheet"]["records"]] == [
        *("", "", "fork", "fork", ""),
    ]


def test_two_tablets_of_one_examiner_go_on_from_each_other(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    first, second = tablets[0], Tablet(tablets[0].client).register()
    first.mark(1, points("2.1", "50"))
    second.look()
    second.mark(1, points("2.1", "60"))
    first.mark(1, points("2.1", "70"))
    with stage.host.db.read() as session:
        sheet = session.scalars(
            select(ScoreSheet).where(
                ScoreSheet.turn_id == stage.turn(1).id, ScoreSheet.user_id == stage.examiners[0].user_id
            )
        ).one()
        kept = sheets.own_records(session, stage.examiners[0], sheet)
    assert [row.action["points"] for row in kept] == ["50", "60", "70"]
    assert [row.journal for row in kept] == [1, 2, 1]


@pytest.mark.dear
@settings(max_examples=200)
@given(st.text(max_size=40), st.integers(1, 9), st.integers(1, 999))
def test_a_hash_covers_place_body_and_link(text: str, journal: int, seq: int) -> None:
    try:
        canonical(text)
    except UnicodeEncodeError:
        return
    made = chained(("sheet", journal, seq, "0" * 64), text)
    assert made.digest() == made.hash
    for other in (
        replace(made, sheet="sheeu"),
        replace(made, journal=journal + 1),
        replace(made, seq=seq + 1),
        replace(made, body=text + "x"),
        replace(made, prev="1" * 64),
    ):
        assert other.digest() != made.hash


@pytest.mark.parametrize(
    "action",
    [
        *({"act": 1.5}, {"act": None}, {"act": []}, {"act": {}}, {"act": 1 << 31}, {"act": "x", "salt": [1]}),
        *({"act": "note", "item": "", "text": "a\ud800"}, {"act": "note", "item": "", "text": "a\0"}),
    ],
)
def test_actions_hold_texts_small_numbers_and_yes_or_no(action: dict[str, object]) -> None:
    assert read_body(json.dumps({"action": action, "at": "2026-11-21T08:30:00Z", "salt": SALT})) is None


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "2026-11-21T08:30:00", "now", ""])
def test_a_stamp_is_a_moment_that_can_be_kept(at: str) -> None:
    assert read_body(body(deduct("1.1", "a"), at)) is None


def test_a_sound_body_is_read() -> None:
    read = read_body(body({"act": "note", "item": "1.1", "text": "𠮷田 “好”"}))
    assert read is not None and read.action["text"] == "𠮷田 “好”"


# --- locks ------------------------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_lock_is_signed_receipted_and_ends_the_sheet(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    tablet = tablets[0]
    tablet.mark(1, deduct("1.1", "a"), points("2.1", "80"))
    early = tablet.record(1, lock("86"))
    assert outcomes(tablet.send(early)) == ["wait turn_not_done"]
    finish(stage)
    (ack,) = tablet.send(early)
    assert (ack["outcome"], bool(ack["receipt"])) == ("stored", True)
    assert tablet.send(early)[0] == ack | {"outcome": "known"}
    sheet = tablet.look()["rooms"][0]["turns"][0]["sheet"]
    assert (sheet["state"], sheet["head"], sheet["receipt"]) == ("locked", early.hash, ack["receipt"])
    late = tablet.record(1, deduct("1.1", "a", 0))
    assert outcomes(tablet.send(late)) == ["refused sheet_locked"]
    assert outcomes(tablet.send(late)) == ["refused sheet_locked"]
    assert tablet.look()["rooms"][0]["turns"][0]["sheet"]["records"][-1]["refused"] == "sheet_locked"
    assert len(acts(stage.host, "sheet_record_late")) == 1
    (told,) = acts(stage.host, "sheet_locked")
    assert set(told.details) == {"head", "device"}  # not what was given


def test_the_receipt_is_the_sites_over_what_was_locked(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    finish(stage)
    (_, ack) = tablets[0].mark(1, points("2.1", "80"), lock("92"))
    with stage.host.db.read() as session:
        sheet = session.scalars(select(ScoreSheet).where(ScoreSheet.state == "locked")).one()
    said = {
        "sheet": sheet.uid,
        "journal": 1,
        "seq": 2,
        "head": ack["hash"],
        "total": "92",
        "locked_at": sheet.locked_at.isoformat(),
    }
    stage.host.site.signing_key.public_key().verify(base64.b64decode(ack["receipt"]), canonical(said))


@pytest.mark.parametrize(
    ("total", "signed", "points_given", "code"),
    [
        ("100", True, None, "sheet_unfinished"),
        ("91", True, "80", "sheet_total_differs"),
        ("92", False, "80", "lock_unsigned"),
    ],
)
def test_a_lock_that_does_not_hold_leaves_the_sheet_open(
    stage: Stage, tablets: list[Tablet], total: str, signed: bool, points_given: str | None, code: str
) -> None:
    stage.perform(1)
    finish(stage)
    tablet = tablets[0]
    if points_given:
        tablet.mark(1, points("2.1", points_given))
    wrong = tablet.record(1, lock(total))
    (ack,) = tablet.send(wrong if signed else replace(wrong, signature=tablets[1].signed(wrong).signature))
    assert (ack["outcome"], ack["code"]) == ("refused", code)
    assert "%(" not in ack["message"]
    assert outcomes(tablet.mark(1, points("2.1", "80"), lock("92"))) == ["stored", "stored"]


def test_overtime_is_in_the_total_that_is_signed(stage: Stage, tablets: list[Tablet], machine) -> None:
    stage.perform(1)
    machine.advance(minutes=31, seconds=5)
    finish(stage)
    assert stage.turn(1).overtime_seconds == 65
    tablets[0].look()
    assert tablets[0].turn(1)["overtime_seconds"] == 65
    acks = tablets[0].mark(1, points("2.1", "100"), lock("100"), lock("98.8"))
    assert outcomes(acks) == ["stored", "refused sheet_total_differs", "stored"]


def test_a_signature_of_nonsense_is_no_signature(tablets: list[Tablet]) -> None:
    spki = tablets[0].key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for nonsense in ("", "AAAA", "A" * 86 + "==", "not base64"):
        assert not signed_by(spki, b"text", nonsense)
    assert not signed_by(b"no key", b"text", "A" * 86 + "==")
