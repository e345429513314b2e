"""Facility and discrimination of items from marked papers: which marks count, and where they are kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.bank import BankItem
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Batch, ComponentResult
from server.errors import Forbidden
from server.host import Host
from server.services import item_figures
from server.services.marked_texts import MARKS_PURPOSE
from tests.itembank.every_kind import ITEMS, MEDIA, POINTS
from tests.server.delivery_kit import Content, Scene, make_scene
from tests.server.desk import page

BANK = 1


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    """Three candidates, five single choices of 20 points: item-1 … item-5."""
    return make_scene(host, person_as)


def mark(scene: Scene, papers: Sequence[Mapping[str, str]], *, status: str = "scored") -> None:
    """Gives each candidate what the items brought: id on the paper -> points of 20."""

    def add(session: Session) -> None:
        attempts = session.scalars(select(Attempt).order_by(Attempt.id)).all()
        for attempt, paper in zip(attempts, papers, strict=False):
            marks = [{"item": uid, "awarded": won, "points": "20"} for uid, won in paper.items()]
            text = json.dumps(marks).encode()
            sealed = scene.host.vault.seal_value(MARKS_PURPOSE, str(attempt.id), text)
            session.add(
                ComponentResult(
                    room_sitting_id=scene.room_sitting,
                    registration_id=attempt.registration_id,
                    attempt_id=attempt.id,
                    component="theory",
                    status=status,
                    sealed_marks=sealed,
                    marked_at=scene.host.now(),
                )
            )

    scene.host.db.write(add)


def renew(scene: Scene) -> dict[str, tuple[int, float | None, float | None]]:
    """Works out and keeps the figures; uid -> answered, facility, discrimination."""
    with scene.host.db.read() as session:
        found = item_figures.measured(session, BANK)
    scene.write(item_figures.keep, scene.chief, BANK, found)
    with scene.host.db.read() as session:
        rows = session.scalars(select(BankItem).order_by(BankItem.uid)).all()
        return {row.uid: (row.answered, row.facility, row.discrimination) for row in rows}


@pytest.mark.both_stores
def test_facility_is_the_mean_share_and_discrimination_the_correlation_with_the_rest(scene: Scene) -> None:
    mark(
        scene,
        [
            {"item-1": "20", "item-2": "20", "item-3": "10"},
            {"item-1": "20", "item-2": "0", "item-3": "10"},
            {"item-1": "0", "item-2": "0", "item-3": "10"},
        ],
    )
    found = renew(scene)
    assert found["item-1"][:2] == (3, pytest.approx(2 / 3))
    assert found["item-1"][2] == pytest.approx(0.5)  # x = 1 1 0 against 30 10 10
    assert found["item-3"] == (3, 0.5, None)
    assert found["item-4"] == (0, None, None)
    with scene.host.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "item_figures_set")).all()
    assert entry.details == {"items": 3}


@pytest.mark.parametrize("status", ["pending", "absent"])
def test_papers_that_are_not_marked_through_do_not_count(scene: Scene, status: str) -> None:
    mark(scene, [{"item-1": "20"}] * 3, status=status)
    assert renew(scene)["item-1"] == (0, None, None)


def test_a_rehearsal_does_not_count(scene: Scene) -> None:
    mark(scene, [{"item-1": "20"}] * 3)

    def rehearse(session: Session) -> None:
        session.scalars(select(Batch)).one().rehearsal = True

    scene.host.db.write(rehearse)
    assert renew(scene)["item-1"] == (0, None, None)
    with scene.host.db.read() as session:
        assert item_figures.bank_of(session, scene.room_sitting) is None


def test_answers_to_an_older_version_do_not_count(scene: Scene) -> None:
    mark(scene, [{"item-1": "20", "item-2": "0"}] * 3)

    def follow(session: Session) -> None:
        session.scalars(select(BankItem).where(BankItem.uid == "item-1")).one().version = 2

    scene.host.db.write(follow)
    found = renew(scene)
    assert found["item-1"] == (0, None, None)
    assert found["item-2"][:2] == (3, 0.0)


def test_the_latest_candidates_count(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_figures, "LATEST", 2)
    mark(scene, [{"item-1": "0"}, {"item-1": "20"}, {"item-1": "20"}])
    assert renew(scene)["item-1"][:2] == (2, 1.0)


def test_the_parts_of_a_case_count_as_one_item(host: Host, person_as: Callable[..., Actor]) -> None:
    scene = make_scene(host, person_as, content=Content(items=ITEMS, points=POINTS, media=MEDIA))
    case = "SHILI-case"
    mark(scene, [{f"{case}.1": "20", f"{case}.2": "0", f"{case}.3": "20"}, {f"{case}.1": "0"}])
    found = renew(scene)
    assert found[case][:2] == (2, pytest.approx((2 / 3 + 0) / 2))


def test_only_who_marks_or_reviews_renews_them(scene: Scene, person_as: Callable[..., Actor]) -> None:
    scene.write(item_figures.keep, person_as("bank_keeper"), BANK, {})
    with pytest.raises(Forbidden):
        scene.write(item_figures.keep, person_as("invigilator"), BANK, {})


def test_a_keeper_renews_them_by_a_button_and_sees_flags_on_the_items_page(
    scene: Scene, client_as: Callable[..., FlaskClient]
) -> None:
    mark(
        scene,
        [{"item-1": "0", "item-2": "20"}, {"item-1": "0", "item-2": "0"}, {"item-1": "20", "item-2": "0"}],
    )
    keeper = client_as("bank_keeper")
    answer = keeper.post(f"/banks/{BANK}/figures")
    assert answer.status_code == 302
    assert "更新 2 道试题" in page(keeper.get(answer.location))
    shown = page(keeper.get(f"/banks/{BANK}/items/1"))
    assert "不足 50 人" in shown

    def many(session: Session) -> None:
        session.get_one(BankItem, 1).answered = 100

    scene.host.db.write(many)
    shown = page(keeper.get(f"/banks/{BANK}/items/1"))
    assert "请核对答案" in shown
    assert "0.33" in shown
    assert "–0.50" in shown or "-0.50" in shown
    assert "0.33" in page(keeper.get(f"/banks/{BANK}/items"))


def test_marking_a_room_renews_them(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> None:
    def collect(session: Session) -> None:
        row = session.get_one(type(scene.room_row()), scene.room_sitting)
        row.state = "collected"
        row.anchor = {"wall": scene.starts_at.isoformat(), "boot_ns": 0, "boot_id": "b"}
        row.started_at = scene.starts_at
        for attempt in session.scalars(select(Attempt)):
            attempt.state, attempt.closed_at = "auto_submitted", scene.starts_at + timedelta(minutes=90)

    scene.host.db.write(collect)
    answer = sign_in(scene.chief).post(f"/results/{scene.room_sitting}/mark")
    assert answer.status_code == 302
    with scene.host.db.read() as session:
        found = session.scalars(select(BankItem)).all()
        assert {row.answered for row in found} == {3}
        assert {row.facility for row in found} == {0.0}
