"""The examiner's tablet and its server: what it gets, devices, photos, and who may see what."""

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import timedelta

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from server.access import Actor
from server.db.assessing import ScorePhoto, ScoreSheet, Turn
from server.db.sittings import RoomSitting, Sitting
from server.errors import Refused
from server.host import Host
from server.rules.sheet_chain import SheetRecord
from server.services import sheet_photos, sheets, turns
from tests.server.assessing_kit import Stage, make_assessment
from tests.server.scoring_facts import SignIn, acts, finish, rows
from tests.server.scoring_kit import Tablet, deduct, lock, outcomes, points


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Stage:
    return make_assessment(host, person_as)


@pytest.fixture
def tablets(stage: Stage, sign_in: SignIn) -> list[Tablet]:
    made = [Tablet(sign_in(who)).register() for who in stage.examiners]
    for tablet in made:
        tablet.look()
    return made


def vars_of(record: SheetRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__slots__}


# --- what a tablet gets ------------------------------------------------------------------------------------


def test_a_tablet_gets_codes_and_its_own_sheets_and_nothing_of_names_or_others(
    stage: Stage, tablets: list[Tablet]
) -> None:
    stage.perform(1)
    tablets[1].mark(1, deduct("1.1", "a"))
    picture = tablets[0].look()
    text = json.dumps(picture, ensure_ascii=False)
    with stage.host.db.read() as session:
        turn = session.get_one(Turn, stage.turn(1).id)
        mine = session.scalars(select(ScoreSheet.uid).where(ScoreSheet.user_id == stage.examiners[0].user_id))
        others = session.scalars(
            select(ScoreSheet.uid).where(ScoreSheet.user_id != stage.examiners[0].user_id)
        )
        assert turn.code in text
        assert all(uid in text for uid in mine)
        assert not any(uid in text for uid in others)
    assert "某" not in text  # every candidate of the kit has it in the name
    assert "P2026" not in text
    assert tablets[0].turn(1)["sheet"]["records"] == []
    assert set(tablets[0].turn(1)) == {
        *("id", "number", "code", "station", "state", "mine", "started_at", "ended_at"),
        *("overtime_seconds", "sheet"),
    }


def test_before_the_release_there_is_no_template_and_no_turn(
    host: Host, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    tablet = Tablet(sign_in(stage.examiners[0])).register()
    (room,) = tablet.look()["rooms"]
    assert (room["template"], room["turns"]) == (None, [])


def test_an_examiner_of_no_room_today_gets_no_room(
    stage: Stage, tablets: list[Tablet], person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    stranger = Tablet(sign_in(person_as("examiner"))).register()
    assert stranger.look()["rooms"] == []

    def yesterday(session) -> None:
        session.get_one(Sitting, stage.sitting).starts_at -= timedelta(hours=30)

    stage.host.db.write(yesterday)
    assert tablets[0].look()["rooms"] == []


@pytest.mark.parametrize(("days", "there"), [(2, True), (13, True), (15, False)])
def test_who_has_not_locked_on_the_day_can_do_it_on_another(
    stage: Stage, tablets: list[Tablet], days: int, there: bool
) -> None:
    stage.perform(1)
    tablets[0].mark(1, points("2.1", "80"))
    finish(stage)

    def long_ago(session) -> None:
        session.get_one(Sitting, stage.sitting).starts_at -= timedelta(days=days)

    stage.host.db.write(long_ago)
    assert bool(tablets[0].look()["rooms"]) is there
    if there:
        assert outcomes(tablets[0].mark(1, lock("92"))) == ["stored"]
        assert tablets[0].look()["rooms"] == []


def test_what_a_tablet_has_already_is_not_sent_again(stage: Stage, tablets: list[Tablet]) -> None:
    stage.perform(1)
    tablets[0].mark(1, deduct("1.1", "a"), deduct("1.1", "b", 2))
    tablets[0].look()
    uid = tablets[0].turn(1)["sheet"]["uid"]
    assert [row["action"]["code"] for row in tablets[0].turn(1)["sheet"]["records"]] == ["a", "b"]
    assert tablets[0].picture["rooms"][0]["template"]["title"]
    tablets[0].look({uid: 2, f"template/{stage.room_sitting}": 1})
    assert tablets[0].picture["rooms"][0]["template"] == {"same": True}
    assert tablets[0].turn(1)["sheet"]["records"] is None
    assert tablets[0].turn(1)["sheet"]["journal"]["seq"] == 2


def test_a_new_draw_takes_back_the_sheets_that_were_made_ready(stage: Stage, tablets: list[Tablet]) -> None:
    before = tablets[0].turn(1)["sheet"]["uid"]
    stage.write(turns.draw_order, stage.signed("设备故障，重新抽签"), stage.room_sitting)
    tablets[0].look()
    assert tablets[0].turn(1)["sheet"]["uid"] != before
    stage.perform(1)
    tablets[0].mark(1, deduct("1.1", "a"))
    with pytest.raises(Refused, match="sheets_marked"):
        stage.host.db.write(sheets.drop_empty, [stage.turn(1).id])


# --- devices ----------------------------------------------------------------------------------------------


def test_a_device_belongs_to_who_registered_it(stage: Stage, tablets: list[Tablet]) -> None:
    first, second = tablets[:2]
    assert first.register().device == first.device
    other = Tablet(second.client, key=first.key)
    with pytest.raises(AssertionError, match="device_key_taken"):
        other.register()
    second.device = first.device
    assert second.post("data", {"device": first.device, "known": {}}, 403)["code"] == "device_not_yours"
    assert len(acts(stage.host, "scoring_device_registered")) == 3


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_revoked_tablet_is_taken_nothing_from_and_its_person_signs_in_again(
    stage: Stage, tablets: list[Tablet], client_as: Callable[..., FlaskClient], sign_in: SignIn
) -> None:
    stage.perform(1)
    lost, who = tablets[0], stage.examiners[0]
    lost.mark(1, deduct("1.1", "a"))
    admin, page = client_as("administrator"), f"/staff/{who.user_id}"
    assert admin.post(f"{page}/tablets", data={"device": lost.device}).status_code == 422
    asked = {"device": lost.device, "reason": "平板遗失"}
    assert client_as("chief_invigilator").post(f"{page}/tablets", data=asked).status_code == 403
    other = f"/staff/{stage.examiners[1].user_id}/tablets"
    assert admin.post(other, data=asked).status_code == 404
    assert "停用哪台平板" in admin.get(page).text
    for _twice in "12":
        assert admin.post(f"{page}/tablets", data=asked).status_code == 302
    assert "停用哪台平板" not in admin.get(page).text
    (told,) = acts(stage.host, "scoring_device_revoked")
    assert told.details == {"user": who.user_id, "reason": "平板遗失"}
    lost.post("data", {"device": lost.device, "known": {}}, 401)
    again = Tablet(sign_in(who), key=lost.key)
    with pytest.raises(AssertionError, match="device_revoked"):
        again.register()
    again.device = lost.device
    late = lost.record(1, deduct("1.1", "a", 0))
    answer = again.client.post("/scoring/records", json={"device": lost.device, "records": [vars_of(late)]})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "device_revoked")
    assert len(rows(stage.host)) == 1
    fresh = Tablet(again.client).register()
    fresh.look()
    assert [row["action"]["count"] for row in fresh.turn(1)["sheet"]["records"]] == [1]


@pytest.mark.dear
@pytest.mark.both_stores
def test_two_tablets_of_one_examiner_may_look_at_the_same_moment(
    stage: Stage, tablets: list[Tablet], sign_in: SignIn
) -> None:
    def forget(session) -> None:
        sheets.drop_empty(session, [stage.turn(number).id for number in range(1, 5)])

    stage.host.db.write(forget)
    pair = [tablets[0], *(Tablet(sign_in(stage.examiners[0])).register() for _more in "12")]
    gate, found = threading.Barrier(len(pair)), []

    def look(tablet: Tablet) -> None:
        gate.wait()
        asked = {"device": tablet.device, "known": {}}
        found.append(tablet.client.post("/scoring/data", json=asked).status_code)

    threads = [threading.Thread(target=look, args=(tablet,)) for tablet in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * len(pair)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "MCowBQYDK2VwAyEA" + "A" * 43 + "="])
def test_no_key_but_p256_is_registered(tablets: list[Tablet], key: str) -> None:
    assert tablets[0].post("devices", {"public_key": key}, 422)["code"] == "device_key_wrong"


# --- others' marks (R31) ----------------------------------------------------------------------------------


def test_marks_open_when_the_whole_panel_has_locked_and_not_before(
    stage: Stage, tablets: list[Tablet]
) -> None:
    stage.perform(1)
    finish(stage)
    host, turn = stage.host, stage.turn(1)
    for place, tablet in enumerate(tablets):
        with host.db.read() as session:
            assert not sheets.locked(session, session.get_one(Turn, turn.id))
            with pytest.raises(Refused) as caught:
                sheets.opened_marks(session, session.get_one(Turn, turn.id))
            assert caught.value.code == "sheets_not_locked"
        tablet.mark(1, points("2.1", f"{80 + place * 5}"), lock(f"{92 + place * 2}"))
    with host.db.read() as session:
        opened = sheets.opened_marks(session, session.get_one(Turn, turn.id))
        state = sheets.progress(session, [turn.id, stage.turn(2).id])
    assert set(opened) == {who.user_id for who in stage.examiners}
    assert [dict(opened[who.user_id][0])["points"] for who in stage.examiners] == ["80", "85", "90"]
    assert state[turn.id].locked == state[turn.id].begun == frozenset(opened)
    assert state[stage.turn(2).id] == sheets.Progress()


def test_a_turn_without_a_panel_is_never_locked(stage: Stage) -> None:
    with stage.host.db.read() as session:
        assert not sheets.locked(session, session.get_one(Turn, stage.turn(1).id))


# --- photos -----------------------------------------------------------------------------------------------


def jpeg() -> bytes:
    rng = np.random.default_rng(7)
    picture = rng.integers(0, 255, (240, 320, 3), np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def send_photo(tablet: Tablet, sheet: str, data: bytes):
    path = f"/scoring/photos?device={tablet.device}&sheet={sheet}"
    return tablet.client.post(
        path, data=data, content_type="application/octet-stream", headers={"Accept": "application/json"}
    )


def test_a_photo_is_taken_when_a_record_announced_it_and_seen_when_all_are_locked(
    stage: Stage, tablets: list[Tablet], client_as: Callable[..., FlaskClient]
) -> None:
    stage.perform(1)
    tablet, data = tablets[0], jpeg()
    uid, sha256 = tablet.turn(1)["sheet"]["uid"], hashlib.sha256(data).hexdigest()
    assert send_photo(tablet, uid, data).get_json()["code"] == "photo_not_announced"
    tablet.mark(1, {"act": "photo", "item": "1.1", "sha256": sha256})
    assert send_photo(tablets[1], uid, data).get_json()["code"] == "sheet_not_yours"
    for _again in range(2):
        assert send_photo(tablet, uid, data).get_json() == {"sha256": sha256}
    with stage.host.db.read() as session:
        (row,) = session.scalars(select(ScorePhoto))
        assert (row.item, row.sha256) == ("1.1", sha256)
        assert data[:40] not in row.sealed
    scorer = client_as("scorer")
    assert scorer.get(f"/scoring/photos/{row.id}").status_code == 404
    finish(stage)
    for each in tablets:
        each.mark(1, points("2.1", "80"), lock("92"))
    shown = scorer.get(f"/scoring/photos/{row.id}")
    assert shown.data.startswith(b"\xff\xd8\xff")
    assert tablet.client.get(f"/scoring/photos/{row.id}").status_code == 403
    assert len(acts(stage.host, "sheet_photo_viewed")) == 1
    with stage.host.db.read() as session:
        turn = session.get_one(Turn, stage.turn(1).id)
        assert [photo.id for photo in sheet_photos.of_turn(session, turn)] == [row.id]


def test_what_is_no_picture_is_refused_and_the_count_is_bounded(
    stage: Stage, tablets: list[Tablet], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.perform(1)
    tablet = tablets[0]
    uid, wrong = tablet.turn(1)["sheet"]["uid"], b"no picture"
    announced = {"act": "photo", "item": "", "sha256": hashlib.sha256(wrong).hexdigest()}
    tablet.mark(1, announced)
    assert 400 <= send_photo(tablet, uid, wrong).status_code < 500
    monkeypatch.setattr(sheet_photos, "PHOTOS_MOST", 0)
    assert send_photo(tablet, uid, wrong).get_json()["code"] == "photos_too_many_here"


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_says_nothing_of_anybody_and_its_worker_knows_every_file(
    stage: Stage, tablets: list[Tablet]
) -> None:
    page = tablets[0].client.get("/scoring/")
    assert page.status_code == 200
    assert stage.examiners[0].name not in page.text
    assert "csrf" not in page.text
    worker = tablets[0].client.get("/scoring/worker.js")
    assert worker.headers["Service-Worker-Allowed"] == "/scoring"
    shell = json.loads(worker.text.partition("const SHELL = ")[2].partition(";\n")[0])
    for name in shell["files"]:
        answer = tablets[0].client.get(name)
        assert answer.status_code == 200, name
        answer.close()
    for part in page.text.split('"'):
        if part.startswith("/static/"):
            assert part in shell["files"]


def test_strangers_are_told_to_sign_in(client: FlaskClient, client_as: Callable[..., FlaskClient]) -> None:
    told = client.get("/scoring/me", headers={"Accept": "application/json"})
    assert (told.status_code, told.get_json()["code"]) == (401, "sign_in_needed")
    assert client_as("invigilator").get("/scoring/").status_code == 403


def test_too_many_records_at_once_are_refused(stage: Stage, tablets: list[Tablet]) -> None:
    empty = SheetRecord("x", 1, 1, "", "", "")
    answer = [{name: getattr(empty, name) for name in empty.__slots__}] * (sheets.BATCH_MOST + 1)
    told = tablets[0].post("records", {"device": tablets[0].device, "records": answer}, 413)
    assert told["code"] == "records_too_many"
    assert tablets[0].post("records", {"device": "x", "records": []}, 400)["code"] == "message_malformed"


def test_a_look_without_news_writes_nothing(stage: Stage, tablets: list[Tablet]) -> None:
    with stage.host.db.read() as session:
        before = session.scalar(select(func.count()).select_from(ScoreSheet))
        assert session.get_one(RoomSitting, stage.room_sitting).state == "running"
    tablets[0].look()
    with stage.host.db.read() as session:
        assert session.scalar(select(func.count()).select_from(ScoreSheet)) == before
