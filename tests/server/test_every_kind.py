"""Every kind on the server: taken in, marked, examined, and replayed for a dispute."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from exam_rooms.protocol import RecordKind
from itembank.items import OPTION_KEYS
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import Shuffle
from server.access import Actor
from server.db.bank import BankItem, ItemVersion
from server.db.papers import EnteredMark
from server.db.record import AuditEntry
from server.db.sittings import ComponentResult
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.results import mark
from server.rules.policy import policy_for
from server.rules.policy_values import Delivery
from server.services import entered_marks, essays, item_figures, marks, paper_forms
from server.services.answers import TEXT_LIMIT, load_facts
from server.services.batches import read_profile
from server.services.entered_marks import Entry
from tests.itembank.every_kind import ITEMS, MEDIA, POINTS
from tests.itembank.test_marking_kinds import perfect
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Content, Scene, make_scene
from tests.server.desk import page
from tests.server.test_marks import close, mark_room

SHUFFLE = Shuffle(items=True, options=True, secret="3c" * 32)
FORM, KEY = build_form(PaperPlan("A", "理论知识", Decimal(90), POINTS, shuffle=SHUFFLE), ITEMS, MEDIA)
ESSAYS = {"SHILI-essay": Decimal("7.5"), "SHILI-case.3": Decimal(3)}


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as, content=Content(ITEMS, POINTS, MEDIA, SHUFFLE))


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> TestAgent:
    made = seated(app, scene, "1")["1"]
    machine.advance(minutes=10)
    scene.start()
    made.state()
    made.open_journal()
    made.sent()
    made.beat()
    return made


def seen(reply: TestResponse) -> str:
    """What the page says of the essay that it shows."""
    form = reply.text.split('value="SHILI-essay"')[1]
    return form.split('name="seen" value="')[1].split('"')[0]


def answer_all(agent: TestAgent) -> None:
    for uid, entry in KEY.items.items():
        agent.write(RecordKind.ANSWER, uid, perfect(entry))
    assert agent.sent().refused == ()


@pytest.mark.dear
@pytest.mark.both_stores
def test_texts_wait_for_an_examiner_and_count_when_two_agree(
    agent: TestAgent, scene: Scene, machine: Machine, person_as: Callable[..., Actor]
) -> None:
    answer_all(agent)
    close(scene, machine, [agent])
    result = mark_room(scene)["1"]
    assert (result.status, result.total, result.passed, result.answered) == (
        "pending",
        None,
        None,
        len(KEY.items),
    )
    second = person_as("administrator")
    entries = {
        uid: scene.write(
            entered_marks.enter, scene.chief, scene.host.answers, Entry(scene.attempts["1"], points, uid)
        )
        for uid, points in ESSAYS.items()
    }
    scene.write(entered_marks.confirm, second, entries["SHILI-essay"], Decimal("7.5"))
    assert mark_room(scene)["1"].status == "pending", "one text still waits"
    scene.write(entered_marks.confirm, second, entries["SHILI-case.3"], Decimal(3))
    result = mark_room(scene)["1"]
    most = KEY.total - sum(KEY.items[uid].points for uid in ESSAYS)
    assert (result.status, result.total) == ("scored", most + Decimal("10.5"))


@pytest.mark.dear
def test_a_mark_stays_with_the_text_it_was_given_for(
    agent: TestAgent, scene: Scene, machine: Machine, person_as: Callable[..., Actor]
) -> None:
    """What reaches the server after the marking may be another text: examiners read that one."""
    uid, attempt, second = "SHILI-essay", scene.attempts["1"], person_as("administrator")

    def enter(item: str, points: Decimal, note: str = "") -> int:
        entry = Entry(attempt, points, item, note)
        return scene.write(entered_marks.enter, scene.chief, scene.host.answers, entry)

    def marked(text: str) -> str:
        with scene.host.db.read() as session:
            payload = marks.work(session, scene.chief, scene.host.answers, scene.room_sitting)
        result = mark(payload, lambda *_: None)
        (found,) = (entry for entry in result["attempts"] if entry["attempt"] == attempt)
        next(item for item in found["items"] if item["item"] == uid)["response"] = [text]
        scene.write(marks.store_marks, scene.chief, scene.room_sitting, result)
        with scene.host.db.read() as session:
            status = select(ComponentResult.status).where(ComponentResult.attempt_id == attempt)
            return session.scalars(status).one()

    answer_all(agent)
    close(scene, machine, [agent])
    assert marked("甲") == "pending"
    for item, points in ESSAYS.items():
        assert scene.write(entered_marks.confirm, second, enter(item, points), points)
    assert marked("甲") == "scored"
    waiting = enter(uid, Decimal(7), "漏看一行")
    assert marked("乙") == "pending"
    found = {text.item: text for text in scene.write(essays.read, scene.chief, scene.room_sitting)}
    assert (found[uid].text, found[uid].standing) == ("乙", ())
    assert [row.points for row in found["SHILI-case.3"].standing] == [3]
    with pytest.raises(Refused, match="mark_text_changed"):
        scene.write(entered_marks.confirm, second, waiting, Decimal(7))
    assert scene.write(entered_marks.confirm, second, enter(uid, Decimal(6)), Decimal(6))
    assert marked("乙") == "scored"


@pytest.mark.both_stores
def test_what_an_item_became_after_the_assembly_does_not_change_what_is_asked(scene: Scene) -> None:
    """The form froze version 1 of a case and of a single choice; version 2 is of another kind."""
    case, single = "SHILI-case", "SHILI-single"

    def change(session: Session) -> None:
        for item in session.scalars(select(BankItem).where(BankItem.uid.in_((case, single)))):
            session.add(
                ItemVersion(
                    item_id=item.id,
                    version=1,
                    facts={"kind": item.kind},
                    sealed_body=b"",
                    content_index="1",
                    created_at=scene.host.now(),
                )
            )
            item.kind, item.version = "single" if item.uid == case else "case", 2

    def places() -> tuple[frozenset[str], dict[str, tuple[int, int]]]:
        with scene.host.db.read() as session:
            facts = load_facts(session, scene.host.vault, scene.attempts["1"])
            return facts.items, item_figures._places(session, 1)

    asked, marked = places()
    assert {single, f"{case}.1"} <= asked
    assert f"{case}.1" in marked
    scene.host.db.write(change)
    assert places() == (asked, marked)


def test_an_examiner_gives_no_more_than_the_key_has(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    answer_all(agent)
    close(scene, machine, [agent])
    for uid, points, code in (
        ("SHILI-essay", "10.01", "mark_out_of_range"),
        ("SHILI-case.3", "3.35", "mark_out_of_range"),
        ("SHILI-single", "1", "mark_of_no_essay"),
        ("SHILI-case", "1", "mark_of_no_essay"),
    ):
        entry = Entry(scene.attempts["1"], Decimal(points), uid)
        with pytest.raises(Refused) as caught:
            scene.write(entered_marks.enter, scene.chief, scene.host.answers, entry)
        assert caught.value.code == code


def test_the_result_page_says_what_waits(
    agent: TestAgent, scene: Scene, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    answer_all(agent)
    close(scene, machine, [agent])
    mark_room(scene)
    browser = sign_in(scene.chief)
    shown = page(browser.get(f"/results/{scene.room_sitting}"))
    assert "待评阅" in shown and "1 名考生的简答题待评阅" in shown
    seen = page(browser.get(f"/results/{scene.room_sitting}/attempts/{scene.attempts['1']}"))
    assert "这名考生看到的题序与选项顺序" in seen and "SHILI-case.2" in seen and "secret" not in seen


def test_a_blank_text_waits_for_nobody(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    agent.write(RecordKind.ANSWER, "SHILI-single", perfect(KEY.items["SHILI-single"]))
    agent.sent()
    close(scene, machine, [agent])
    result = mark_room(scene)["1"]
    assert (result.status, result.total) == ("scored", POINTS[KEY.items["SHILI-single"].kind])


@pytest.mark.parametrize(
    ("item", "response", "code"),
    [
        ("SHILI-case.1", ("A",), ""),
        ("SHILI-case.30", ("A",), ""),
        ("SHILI-case.31", ("A",), "unknown_item"),
        ("SHILI-case", ("A",), "unknown_item"),
        ("SHILI-single.1", ("A",), "unknown_item"),
        ("SHILI-essay", ("字" * TEXT_LIMIT,), ""),
        ("SHILI-essay", ("😀" * TEXT_LIMIT,), ""),
        ("SHILI-essay", ("字" * (TEXT_LIMIT + 1),), "bad_body"),
        ("SHILI-text", ("", "路口"), ""),
        ("SHILI-text", ("", ""), "bad_body"),
        ("SHILI-text", tuple("x" * 201), "bad_body"),
        ("SHILI-multiple", tuple(OPTION_KEYS), ""),
    ],
)
def test_what_the_desk_takes(agent: TestAgent, item: str, response: tuple[str, ...], code: str) -> None:
    agent.write(RecordKind.ANSWER, item, response)
    assert [refused.code for refused in agent.sent().refused] == ([code] if code else [])


def test_a_body_beyond_the_limit_is_malformed(agent: TestAgent) -> None:
    agent.write(RecordKind.ANSWER, "SHILI-essay", ("x" * 40_000,))
    assert agent.send().status_code == 400


def test_a_dispute_is_replayed_by_those_who_see_results(
    agent: TestAgent, scene: Scene, person_as: Callable[..., Actor]
) -> None:
    with scene.host.db.read() as session:
        one = paper_forms.seen_by(session, scene.chief, scene.attempts["1"])
        again = paper_forms.seen_by(session, scene.chief, scene.attempts["1"])
        other = paper_forms.seen_by(session, scene.chief, scene.attempts["3"])
        with pytest.raises(Forbidden):
            paper_forms.seen_by(session, person_as("bank_keeper"), scene.attempts["1"])
    assert one == again != other
    assert {line["id"] for line in one} == set(KEY.items)


def test_each_package_has_a_secret_of_its_own_and_follows_the_policy() -> None:
    policy = policy_for(read_profile("national"), "baowei", 3)
    one, two = paper_forms.new_shuffle(policy), paper_forms.new_shuffle(policy)
    assert one.items and one.options and one.secret != two.secret and len(one.secret) == 64
    still = replace(policy, delivery=Delivery(shuffle_items=False, shuffle_options=False))
    assert not paper_forms.new_shuffle(still).items


@pytest.mark.dear
def test_examiners_read_texts_without_names_and_agree_in_two_readings(
    agent: TestAgent,
    scene: Scene,
    machine: Machine,
    person_as: Callable[..., Actor],
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    answer_all(agent)
    agent.write(RecordKind.ANSWER, "SHILI-essay", ("<b>一</b>\n二",))
    agent.sent()
    close(scene, machine, [agent])
    mark_room(scene)
    path, attempt = f"/results/{scene.room_sitting}/essays", str(scene.attempts["1"])
    first, second = sign_in(scene.chief), sign_in(person_as("administrator"))
    assert path in page(first.get(f"/results/{scene.room_sitting}"))
    shown = page(first.get(path))
    assert "简述交接班的三项要求" in shown and "无人认领的行李" in shown
    assert "&lt;b&gt;一&lt;/b&gt;" in first.get(path).text and scene.tickets["1"] not in shown
    given = {"attempt": attempt, "item": "SHILI-essay", "points": "8", "seen": seen(first.get(path))}
    for faulty in ({"item": ""}, {"seen": ""}, {"seen": "0" * 32}):
        assert first.post(path, data=given | faulty).status_code in (409, 422)
    assert first.post(path, data=given).status_code == 302
    assert "8 · 待另一人确认" in page(first.get(path))
    other = page(second.get(path))
    assert "请您独立评分" in other and 'value="8"' not in other and "8 · " not in other
    with scene.host.db.read() as session:
        mark_id = session.scalars(select(EnteredMark.id)).one()
        looked = session.scalars(select(AuditEntry).where(AuditEntry.act == "essays_read")).all()
    assert [entry.details for entry in looked] == [{"texts": 2}] * len(looked) and len(looked) >= 4
    assert second.post(f"{path}/{mark_id}/confirm", data={"points": "7"}).status_code == 422
    assert second.post(f"{path}/{mark_id}/confirm", data={"points": "8"}).status_code == 409
    assert first.post(path, data=given).status_code == 302
    assert second.post(f"{path}/{mark_id + 1}/confirm", data={"points": "8"}).status_code == 302
    assert "8 · 已确认" in page(first.get(path))
    assert sign_in(person_as("invigilator")).get(path).status_code == 403
