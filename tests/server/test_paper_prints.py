"""Printed papers: who prints what, copies counted, the register, its pages."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.papers import PaperPrint
from server.db.sittings import Batch
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import paper_prints, paper_register
from server.services.paper_prints import ALL_FORMS
from server.services.paper_register import Counts
from server.services.signed import Signed
from tests.server import preparing
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk import page, said
from tests.server.paper_kit import pages
from tests.server.print_kit import ended, entries, order, work


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    """Seats 1 and 3 have form A, seat 2 has form B; the package is released."""
    return make_scene(host, person_as)


@pytest.fixture
def keepers(scene: Scene, person_as: Callable[..., Actor]) -> Signed:
    return Signed(scene.chief, "考试机全部断电", person_as("custodian"))


def printed(scene: Scene, signed: Signed, **changes: Any) -> PaperPrint:
    asked = order(scene, **changes)
    try:
        first = paper_prints.first_number(work(scene, signed, asked))
    except Refused:
        first = 0  # the same refusal comes from the act itself
    number = scene.write(paper_prints.print_form, signed, asked, b"%PDF-1.7 a paper", first=first)
    with scene.host.db.read() as session:
        return session.get_one(PaperPrint, number)


# --- printing --------------------------------------------------------------------------------------------


def test_two_printings_at_once_do_not_number_their_copies_alike(scene: Scene, keepers: Signed) -> None:
    asked = order(scene)
    first = paper_prints.first_number(work(scene, keepers, asked))  # while this one is being typeset ...
    assert printed(scene, keepers).seats == ["1", "3"]  # ... another gets the numbers
    with pytest.raises(Refused, match="print_numbers_moved"):
        scene.write(paper_prints.print_form, keepers, asked, b"%PDF-1.7", first=first)
    assert paper_prints.first_number(work(scene, keepers, asked)) == 3
    scene.write(paper_prints.print_form, keepers, asked, b"%PDF-1.7", first=3)
    spares = order(scene, document="sheet", seats=("1",))
    assert paper_prints.first_number(work(scene, keepers, spares)) == 1


@pytest.mark.both_stores
def test_a_printing_is_a_line_of_the_register_and_of_the_chain(scene: Scene, keepers: Signed) -> None:
    row = printed(scene, keepers, purpose="last_resort", size="A3")
    assert (row.document, row.form, row.seats, row.copies) == ("paper", "A", ["1", "3"], 3)
    assert (row.printed_by, row.cosigned_by) == (keepers.actor.user_id, keepers.cosigner.user_id)
    assert row.sha256 == hashlib.sha256(b"%PDF-1.7 a paper").hexdigest()
    (entry,) = [entry for entry in entries(scene) if entry.act == "paper_printed"]
    assert entry.details["cosigned_by"] == keepers.cosigner.name
    assert (entry.details["copies"], entry.details["reason"]) == (3, "考试机全部断电")
    assert "题干" not in str(entry.details)


def test_what_goes_to_the_child(scene: Scene, keepers: Signed) -> None:
    payload = work(scene, keepers, order(scene, form=ALL_FORMS))
    assert sorted(payload["forms"]) == ["A", "B"]
    assert [(copy["seat"], copy["form"], copy["number"]) for copy in payload["copies"]] == [
        ("1", "A", "1"), ("2", "B", "2"), ("3", "A", "3"), ("", "A", ""), ("", "B", ""),
    ]  # fmt: skip
    assert payload["forms"]["A"]["form"]["items"][0]["stem"] == "题干1"
    assert "key" not in payload["forms"]["A"]
    assert payload["head"]["place"].startswith("2026 年第 4 批 · 第 1 场")
    codes = {copy["code"] for copy in payload["copies"] if copy["seat"]}
    assert len(codes) == 3


def test_copies_are_never_numbered_twice(scene: Scene, keepers: Signed) -> None:
    printed(scene, keepers)
    again = work(scene, keepers, order(scene, seats=("3",), spares=0))
    assert [(copy["seat"], copy["number"]) for copy in again["copies"]] == [("3", "3")]
    sheets = work(scene, keepers, order(scene, document="sheet", seats=("3",), spares=0))
    assert [copy["number"] for copy in sheets["copies"]] == ["1"]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("chief_invigilator", "custodian", ""),
        ("administrator", "chief_invigilator", ""),
        ("custodian", "custodian", "print_same_role"),
        ("invigilator", "custodian", "forbidden"),
        ("custodian", "invigilator", "forbidden"),
        ("custodian", "auditor", "forbidden"),
        ("custodian", "", "cosign_missing"),
        ("custodian", "same", "cosign_same_person"),
    ],
)
def test_two_keepers_of_different_roles_print(
    scene: Scene, person_as: Callable[..., Actor], first: str, second: str, code: str
) -> None:
    one = person_as(first)
    other = {"": None, "same": one}.get(second) if second in ("", "same") else person_as(second)
    signed = Signed(one, "停电", other)
    if code:
        with pytest.raises(Refused, match=code):
            work(scene, signed, order(scene))
        with pytest.raises(Refused, match=code):
            printed(scene, signed)
    else:
        assert work(scene, signed, order(scene))["copies"]


def test_what_cannot_be_printed(scene: Scene, keepers: Signed) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"form": "Z"}, "print_unknown_form"),
        ({"seats": ("2",)}, "print_seat_of_other_form"),
        ({"seats": ("99",)}, "print_seat_of_other_form"),
        ({"spares": -1}, "copies_out_of_range"),
        ({"spares": 399}, "copies_out_of_range"),
        ({"document": "key"}, "key_before_end"),
        ({"document": "diary"}, "bad_request"),
        ({"size": "A5"}, "bad_request"),
        ({"purpose": "fun"}, "print_not_on_paper"),
    ]
    for changes, code in cases:
        with pytest.raises(Refused, match=code):
            work(scene, keepers, order(scene, **changes))
    assert len(work(scene, keepers, order(scene, spares=398))["copies"]) == 400


def test_nothing_is_printed_from_a_sealed_package(
    host: Host, person_as: Callable[..., Actor], now: object
) -> None:
    scene = make_scene(host, person_as, released=False)
    signed = Signed(scene.chief, "停电", person_as("custodian"))
    for purpose in paper_prints.PURPOSES:
        with pytest.raises(Refused, match="package_not_released"):
            work(scene, signed, order(scene, purpose=purpose))


def test_the_last_resort_needs_a_reason_and_paper_needs_its_policy(scene: Scene, keepers: Signed) -> None:
    with pytest.raises(Refused, match="reason_missing"):
        work(scene, replace(keepers, reason=" "), order(scene, purpose="last_resort"))
    assert work(scene, replace(keepers, reason=""), order(scene, purpose="paper_mode"))

    def computers_only(session: Any) -> None:
        batch = session.scalars(select(Batch)).one()
        theory, *others = batch.policy["components"]
        batch.policy = batch.policy | {"components": [theory | {"methods": ["computer"]}, *others]}

    scene.host.db.write(computers_only)
    with pytest.raises(Refused, match="print_not_on_paper"):
        work(scene, keepers, order(scene, purpose="paper_mode"))
    assert work(scene, keepers, order(scene, purpose="last_resort"))


def test_after_the_end_the_key_is_printed_and_papers_are_not(
    scene: Scene, keepers: Signed, machine: Machine
) -> None:
    ended(scene, machine)
    with pytest.raises(Refused, match="print_after_end"):
        work(scene, keepers, order(scene))
    payload = work(scene, keepers, order(scene, document="key", spares=2))
    assert [copy["seat"] for copy in payload["copies"]] == ["", ""]
    assert payload["forms"]["A"]["key"]["items"]["item-1"]["answer"] == ["A"]


# --- the register ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        (Counts(2, 1, None), ""),
        (Counts(3, 0, 3), ""),
        (Counts(0, 3, 3), ""),
        (Counts(2, 1, 2, "一份随考生离场，已追回复印件"), ""),
        (Counts(2, 1, 2), "register_missing"),
        (Counts(2, 1, 2, "  "), "register_missing"),
        (Counts(2, 1, 4, "多"), "register_too_many_back"),
        (Counts(2, 2, None), "register_sum"),
        (Counts(1, 1, None), "register_sum"),
        (Counts(4, -1, None), "register_negative"),
        (Counts(2, 1, -1, "x"), "register_negative"),
    ],
)
def test_sums_of_the_register(counts: Counts, code: str) -> None:
    if code:
        with pytest.raises(Refused, match=code):
            paper_register._check(PaperPrint(copies=3), counts)
    else:
        paper_register._check(PaperPrint(copies=3), counts)


@pytest.mark.parametrize(("returned", "complete"), [(None, False), (2, False), (3, True)])
def test_a_printing_is_complete_when_every_copy_is_back(
    scene: Scene, keepers: Signed, returned: int | None, complete: bool
) -> None:
    row = printed(scene, keepers)
    counts = Counts(2, 1, returned, "少一份")
    assert scene.write(paper_register.enter, scene.invigilator, row.id, counts) == scene.room_sitting
    with scene.host.db.read() as session:
        (line,) = paper_register.lines(session, scene.room_sitting)
    assert (line.row.issued, line.row.spare, line.row.returned) == (2, 1, returned)
    assert line.complete == complete


def test_a_correction_of_the_register_keeps_what_stood_there(scene: Scene, keepers: Signed) -> None:
    row = printed(scene, keepers)
    scene.write(paper_register.enter, scene.invigilator, row.id, Counts(2, 1, None))
    scene.write(paper_register.enter, scene.invigilator, row.id, Counts(3, 0, 3))
    told = [entry.details for entry in entries(scene) if entry.act == "register_entered"]
    assert ("before" in told[0], told[1]["before"]) == (False, [2, 1, None])
    with pytest.raises(Forbidden):
        scene.write(paper_register.enter, keepers.cosigner, row.id, Counts(3, 0, 3))


# --- entered marks ---------------------------------------------------------------------------------------


@pytest.fixture
def second(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


# --- pages -----------------------------------------------------------------------------------------------


@pytest.fixture
def chief(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.chief)


def fields(second: Actor, password: str, **more: str) -> dict[str, str]:
    asked = {"form": "A", "document": "paper", "purpose": "last_resort", "spares": "1", "size": "A4"}
    cosign = {"cosign_username": second.name, "cosign_password": password}
    return asked | {"reason": "停电", "seats": ""} | cosign | more


@pytest.mark.dear
def test_the_page_prints_once_and_the_server_keeps_nothing_in_clear(
    chief: FlaskClient, scene: Scene, keepers: Signed, password: str
) -> None:
    path = f"/sittings/{scene.room_sitting}/prints"
    answer = chief.post(path, data=fields(keepers.cosigner, password))
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Cache-Control"] == "no-store"
    found = pages(answer.data)
    assert [f"座位{seat}第一考场A卷" in text for seat, text in zip("13", found, strict=False)] == [True, True]
    assert all("题干5" in text for text in found)
    with scene.host.db.read() as session:
        (row,) = session.scalars(select(PaperPrint))
    assert row.sha256 == hashlib.sha256(answer.data).hexdigest()
    kept = b"".join(file.read_bytes() for file in scene.host.settings.data.rglob("*") if file.is_file())
    assert b"%PDF" not in kept
    assert "题干1".encode() not in kept
    told = page(chief.get(path))
    assert "试卷 · A 卷 · 3 份 · A4" in told
    assert "停电" in told


@pytest.mark.parametrize(
    ("more", "code", "params"),
    [
        ({"cosign_password": "wrong"}, "wrong_credentials", {}),
        ({"reason": ""}, "reason_missing", {}),
        ({"seats": "1，2"}, "print_seat_of_other_form", {"seat": "2", "form": "A"}),
        ({"document": "key"}, "key_before_end", {}),
    ],
)
def test_a_refused_printing_says_why_and_keeps_the_form(
    chief: FlaskClient, scene: Scene, keepers: Signed, password: str, more: dict, code: str, params: dict
) -> None:
    path = f"/sittings/{scene.room_sitting}/prints"
    answer = chief.post(path, data=fields(keepers.cosigner, password, **more))
    assert answer.status_code in (409, 422)
    assert said(code, **params) in page(answer)


def test_register_on_screen_and_on_paper(
    scene: Scene, keepers: Signed, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    row = printed(scene, keepers)
    browser, path = sign_in(scene.invigilator), f"/sittings/{scene.room_sitting}/prints"
    wrong = browser.post(f"{path}/{row.id}/register", data={"issued": "2", "spare": "2", "returned": ""})
    assert said("register_sum", total=4, copies=3) in page(wrong)
    counted = {"issued": "2", "spare": "1", "returned": "3", "note": "齐"}
    assert browser.post(f"{path}/{row.id}/register", data=counted).status_code == 302
    assert "已全部收回" in page(browser.get(path))
    text = "".join(pages(browser.get(f"{path}/register.pdf").data))
    for told in ("发放与收回登记表", "试卷A3213", "考生1", "T2026-0002", "齐", row.sha256[:16], "主考："):
        assert told in text, told
    auditor_path = f"{path}/{row.id}/register"
    assert sign_in(keepers.cosigner).post(auditor_path, data=counted).status_code == 403


@pytest.mark.dear
def test_the_proof_of_a_paper_set_prints(
    host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    crew = preparing.crew(person_as)
    bank, blueprint = preparing.bank(host, crew.administrator), preparing.blueprint(host, crew.administrator)
    number = preparing.paper_set(host, crew, bank, blueprint)
    browser = sign_in(crew.administrator)
    browser.set_cookie("language", "en")
    answer = browser.get(f"/papers/{number}/proof.pdf")
    text = "".join(pages(answer.data))
    for told in ("组卷证明", "理论知识试卷", "保卫管理员", "种子7", "可用试题", "题库快照", "必须满足的各项全部达到",
                 "A卷B卷C卷D卷", "题型单选题", "administrator1", "administrator2", "批准人："):  # fmt: skip
        assert told in text, told
    assert f"/papers/{number}/proof.pdf" in page(browser.get(f"/papers/{number}"))
