"""What people signed and somebody wrote anew in the store: found on the page, on paper and in the dossier."""

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.record import AuditEntry
from server.db.record_book import (
    AuditCheckpoint,
    RecordAnnex,
    RecordCorrection,
    RecordSignature,
    RoomRecordRow,
)
from server.db.sittings import Assignment
from server.db.staffing import SupervisionMark, SupervisionNote, SupervisionSign
from server.errors import Refused
from server.host import Host
from server.rules.archive_check import Verified, Wrong, verify
from server.rules.signed_papers import form_faults, record_faults, record_mark
from server.rules.supervision_list import ITEMS
from server.services import audit, record_book, room_record, staffing, supervision
from server.services.printed_at import At
from server.services.record_book import Change
from server.services.supervision import Said
from tests.server.conftest import Machine
from tests.server.record_kit import ZONE, Over, over
from tests.server.staffing_kit import Duty, make_duty
from tests.server.test_dossier import files_of, made
from tests.server.test_record_book import book, sign_all

Forgery = Callable[[Session], object]


@pytest.fixture
def day(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Over:
    return over(app, host, person_as, machine)


@pytest.fixture
def sealed(day: Over) -> Over:
    """A record with an annex."""
    sign_all(day)
    day.scene.write(record_book.seal, day.scene.chief, day.page)
    day.scene.write(record_book.add, day.scene.chief, day.scene.room_sitting, "考生次日补交说明")
    return day


def record(session: Session) -> RoomRecordRow:
    return session.scalars(select(RoomRecordRow)).one()


def other_words(session: Session) -> None:
    row = record(session)
    content = copy.deepcopy(row.content)
    content["facts"]["absent"], content["notes"]["remarks"] = "0", "考生作弊"
    row.content = content


def other_words_and_hash(session: Session) -> None:
    other_words(session)
    record(session).content_sha256 = record_mark(record(session).content)
    session.execute(update(RecordSignature).values(content_sha256=record(session).content_sha256))


def other_words_everywhere(session: Session) -> None:
    """The acts in the chain with their own hashes, too, but not the site's signature."""
    before = record(session).content_sha256
    other_words_and_hash(session)
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id)):
        if entry.details.get("sha256") == before:
            entry.details = {**entry.details, "sha256": record(session).content_sha256}
            entry.hash = audit.digest(entry)


def an_act_of_the_chain_alone(session: Session) -> None:
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "record_signed").limit(1)).one()
    entry.actor = "somebody else"


def another_moment(session: Session) -> None:
    record(session).sealed_at += timedelta(minutes=1)


def opened_again(session: Session) -> None:
    session.delete(record(session))


def another_checkpoint(session: Session) -> None:
    point = session.scalars(select(AuditCheckpoint)).one()
    point.signature = point.signature[::-1]


FORGERIES: dict[Forgery, set[str]] = {
    other_words: {"content"},
    other_words_and_hash: {"seal", "signatures"},
    other_words_everywhere: {"seal"},
    an_act_of_the_chain_alone: {"signatures"},
    another_moment: {"seal"},
    opened_again: {"seal", "annexes"},
    another_checkpoint: {"seal"},
    lambda session: session.execute(update(RecordSignature).values(name="李四")): {"signatures"},
    lambda session: session.execute(delete(RecordSignature)): {"signatures"},
    lambda session: session.execute(update(RecordAnnex).values(text="考生承认作弊")): {"annexes"},
    lambda session: session.execute(delete(RecordAnnex)): {"annexes"},
}


def faults_of(found: Verified, name: str) -> set[str]:
    return {one.code for one in found.wrong if one.file == name and one.code != "altered"}


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_true_record_is_borne_out_by_its_chain_before_and_after_the_seal(day: Over) -> None:
    scene = day.scene
    assert book(day).altered == ()
    scene.write(record_book.sign, scene.invigilator, day.page, book(day).sha256)
    scene.write(record_book.correct, scene.staff[1], day.page, Change("remarks", "一切正常", "补充"))
    assert book(day).altered == ()  # a signature that no longer holds is no fault
    sign_all(day)
    scene.write(record_book.seal, scene.chief, day.page)
    for text in ("乙", "甲"):
        scene.write(record_book.add, scene.chief, scene.room_sitting, text)
    assert book(day).altered == ()
    assert verify(made(scene), site_key=scene.host.site.public_key).good


@pytest.mark.parametrize("forgery", FORGERIES)
def test_whatever_of_a_sealed_record_is_written_anew_is_found(sealed: Over, forgery: Forgery) -> None:
    scene = sealed.scene
    assert book(sealed).altered == ()
    scene.host.db.write(forgery)
    assert {*book(sealed).altered} >= FORGERIES[forgery]
    with (
        scene.host.db.read() as session,
        pytest.raises(Refused, match="record_altered") as refused,
    ):
        room_record.document(session, scene.room_sitting, now=scene.host.now(), zone=ZONE)
    assert refused.value.params["room"] == "第一考场"


def test_the_dossier_of_a_rewritten_record_comes_without_its_paper_and_is_not_good(sealed: Over) -> None:
    scene = sealed.scene
    scene.host.db.write(other_words_and_hash)
    data = made(scene)
    found = verify(data, site_key=scene.host.site.public_key)
    name = f"3-process/record-{scene.room_sitting}.json"
    assert {one.file for one in found.wrong} == {name}
    assert faults_of(found, name) == {"record_seal", "record_signatures"}
    assert name not in {one.file for one in found.known}  # the site signs it away for nobody
    assert name.replace(".json", ".pdf") not in files_of(data)


@pytest.mark.dear
def test_the_page_says_so_and_offers_neither_paper_nor_seal(
    day: Over, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene, chief = day.scene, sign_in(day.scene.chief)
    url = f"/sittings/{scene.room_sitting}/record"
    scene.write(record_book.sign, scene.invigilator, day.page, book(day).sha256)
    scene.write(record_book.sign, scene.chief, day.page, book(day).sha256)

    def sign_for_another(session: Session) -> None:
        row = session.scalars(select(RecordSignature)).first()
        assert row is not None
        told = {"room_sitting_id": row.room_sitting_id, "content_sha256": row.content_sha256}
        other = {"user_id": scene.staff[1].user_id or 0, "name": scene.staff[1].name, "role": "invigilator"}
        session.add(RecordSignature(**told, **other, signed_at=row.signed_at))

    scene.host.db.write(sign_for_another)
    assert book(day).complete
    shown = chief.get(url).text
    assert "签名与审计链中的签名记录不符" in shown and f"{url}/seal" not in shown
    assert chief.post(f"{url}/seal").status_code == 409
    assert chief.get(f"/monitor/{scene.room_sitting}/record.pdf").status_code == 409
    # A correction makes all signatures void, the false one with them: the record can be signed again.
    scene.write(record_book.correct, scene.invigilator, day.page, Change("remarks", "重新签名", "签名有误"))
    sign_all(day)
    assert chief.post(f"{url}/seal").status_code == 302


@pytest.mark.parametrize("field", ["expected", "present", "submitted", "stopped", "absent", "absent_tickets"])
def test_what_is_counted_from_the_seats_cannot_be_corrected(day: Over, field: str) -> None:
    scene, before = day.scene, book(day).content["facts"]
    with pytest.raises(Refused, match="record_field_counted"):
        scene.write(record_book.correct, scene.invigilator, day.page, Change(field, "0", "笔误"))

    def by_the_store(session: Session) -> None:
        place = {"room_sitting_id": scene.room_sitting, "made_at": scene.host.now()}
        session.add(RecordCorrection(**place, field=field, old=before[field], new="0", reason="笔误"))

    scene.host.db.write(by_the_store)
    assert book(day).content["facts"] == before
    scene.write(record_book.correct, scene.invigilator, day.page, Change("remarks", "3 号请假", "补充"))
    assert book(day).content["notes"]["remarks"] == "3 号请假"


def test_the_form_offers_only_what_can_be_corrected(
    day: Over, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    shown = sign_in(day.scene.invigilator).get(f"/sittings/{day.scene.room_sitting}/record").text
    assert '<option value="started"' in shown
    assert '<option value="absent' not in shown and '<option value="expected"' not in shown


# --- the supervisor's form ------------------------------------------------------------------------------------


@pytest.fixture
def supervised(host: Host, person_as: Callable[..., Actor]) -> Duty:
    """A signed form with a note."""
    duty = make_duty(host, person_as)
    boss, who, scene = duty.one(Role.ADMINISTRATOR), duty.one(Role.SUPERVISOR), duty.scene
    sitting = scene.room_row().sitting_id
    scene.write(staffing.name_supervisor, boss, sitting, who.user_id)
    scene.write(supervision.mark, who, sitting, {item.code: ("good", "") for item in ITEMS})
    scene.write(supervision.note, who, sitting, Said("3 号门未上锁", finding=True))
    scene.write(supervision.sign, who, sitting, "组织良好")
    return duty


FORM_FORGERIES: list[Forgery] = [
    lambda session: session.execute(update(SupervisionMark).values(result="fault")),
    lambda session: session.execute(update(SupervisionNote).values(text="秩序良好")),
    lambda session: session.execute(update(SupervisionNote).values(finding=False)),
    lambda session: session.execute(delete(SupervisionNote)),
    lambda session: session.execute(update(SupervisionSign).values(opinion="混乱")),
    lambda session: session.execute(update(SupervisionSign).values(mark="0" * 16)),
    lambda session: session.execute(update(SupervisionSign).values(signed_by=1)),
    lambda session: session.execute(delete(SupervisionSign)),
]


@pytest.mark.parametrize("forgery", FORM_FORGERIES)
def test_a_form_of_the_supervisor_that_was_written_anew_is_found(supervised: Duty, forgery: Forgery) -> None:
    scene, boss = supervised.scene, supervised.one(Role.ADMINISTRATOR)

    def printed() -> object:
        at = At(scene.host.now(), ZONE)
        words = {item.code: item.code for item in ITEMS}
        with scene.host.db.read() as session:
            return supervision.document(session, boss, scene.room_sitting, words, at=at)

    assert printed()
    scene.host.db.write(forgery)
    with pytest.raises(Refused, match="supervision_altered"):
        printed()


@pytest.mark.dear
def test_the_form_in_the_dossier_is_held_against_the_chain(
    day: Over, person_as: Callable[..., Actor]
) -> None:
    name, scene, who = "3-process/supervision.json", day.scene, person_as("supervisor")
    sitting, site = scene.room_row().sitting_id, scene.host.site.public_key
    duty = {"room_sitting_id": scene.room_sitting, "user_id": who.user_id or 0, "role": str(Role.SUPERVISOR)}
    scene.host.db.write(lambda session: session.add(Assignment(**duty)))
    scene.write(supervision.mark, who, sitting, {item.code: ("good", "") for item in ITEMS})
    assert verify(made(scene), site_key=site).good
    scene.write(supervision.sign, who, sitting, "组织良好")
    assert verify(made(scene), site_key=site).good
    scene.host.db.write(lambda session: session.execute(update(SupervisionSign).values(opinion="混乱")))
    assert verify(made(scene), site_key=site).wrong == (Wrong(name, "form_content"),)
    scene.host.db.write(lambda session: session.execute(delete(SupervisionSign)))
    assert verify(made(scene), site_key=site).wrong == (Wrong(name, "form_signature"),)


# --- whatever the file says ------------------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {
        "act": st.sampled_from(["record_sealed", "record_signed", "record_annexed", "supervision_signed"]),
        "details": ANY,
    },
    optional={"seq": ANY, "at": ANY, "actor": ANY, "actor_id": ANY},
)
PAPER = st.dictionaries(
    st.sampled_from(
        ["content", "sha256", "sealed_at", "root", "signatures", "annexes", "mark", "at", "user"]
    ),
    ANY,
)


@pytest.mark.dear
@given(PAPER, st.lists(ENTRY, max_size=3), st.lists(st.text(max_size=4), max_size=3))
def test_no_paper_and_no_chain_breaks_the_check(
    paper: dict[str, Any], entries: list[dict[str, Any]], hashes: list[str]
) -> None:
    assert set(record_faults(paper, entries, hashes)) <= {
        *("content", "seal", "signatures", "annexes", "shape")
    }
    assert set(form_faults(paper, entries)) <= {"content", "signature", "shape"}
