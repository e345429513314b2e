"""Assemblies as runs: rules, snapshot, one form a seat, doing it again; real assemblies of small banks."""

import json
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import select, update

from exam_rooms.wire import canonical
from server.access import Actor
from server.db.bank import BankItem, BlueprintRow
from server.db.papers import FormItem, PaperSet
from server.db.record import AuditEntry
from server.db.rooms import Seat
from server.db.sittings import Attempt, RoomSitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.assembling import assemble
from server.services import assembly_runs, batches, papers, rooms, seating
from tests.server import assembly_kit as kit
from tests.server import preparing


@pytest.fixture
def crew(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


@pytest.fixture
def sources(host: Host, crew: preparing.Crew) -> tuple[int, int]:
    return kit.small(host, crew.keeper)


def refused(host: Host, who: Actor, plan: assembly_runs.AssemblyPlan) -> Refused:
    with pytest.raises(Refused) as caught:
        host.db.write(assembly_runs.begin, who, plan, now=host.now())
    return caught.value


def put(host: Host, paper_set: int, **values: Any) -> None:
    host.db.write(
        lambda s: s.execute(update(PaperSet).where(PaperSet.id == paper_set).values(**values)) and None
    )


def batch(host: Host, who: Actor) -> int:
    plan = batches.BatchPlan("2026 年第 4 批", "baowei", 3, "national")
    return host.db.write(batches.create, who, plan, now=host.now())


REFUSED: list[tuple[int, int, dict[str, Any], str, str | None]] = [
    (0, 0, {}, "forms_out_of_range", "forms"),
    (121, 0, {}, "forms_out_of_range", "forms"),
    (121, 0, {"spares": 2}, "spares_out_of_range", "spare_forms"),
    (3, 0, {"spares": 3}, "spares_out_of_range", "spare_forms"),
    (3, 0, {"spares": -1}, "spares_out_of_range", "spare_forms"),
    (3, -1, {}, "number_out_of_range", "max_overlap"),
    (3, 1001, {}, "number_out_of_range", "max_overlap"),
    (3, 0, {"recent_sittings": 51}, "number_out_of_range", "recent_sittings"),
    (3, 0, {"recent_sittings": -1}, "number_out_of_range", "recent_sittings"),
    (3, 0, {"recent_max": -1}, "number_out_of_range", "recent_max"),
    (3, 0, {"per_point_max": 0}, "number_out_of_range", "per_point_max"),
    (3, 0, {"fixed": ("nobody",)}, "uid_not_active", "fixed"),
    (3, 0, {"forbidden": ("T-1", "nobody")}, "uid_not_active", "forbidden"),
    (3, 0, {"fixed": ("T-1", "T-2"), "forbidden": ("T-2",)}, "uid_fixed_and_forbidden", "forbidden"),
    (3, 0, {"forbidden": tuple(f"T-{n}" for n in range(501))}, "too_many_uids", "forbidden"),
    (3, 0, {"room_id": 99}, "not_found", None),
]
"""Forms, overlap and rules, and the code and field of their refusal."""


class TestWhatIsRefused:
    def test_each_rule_at_its_field_and_nothing_is_kept(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        for forms, overlap, rules, code, field in REFUSED:
            refusal = refused(host, crew.keeper, kit.plan_of(sources, forms, overlap, **rules))
            assert (refusal.code, refusal.params.get("field")) == (code, field), rules
        with host.db.read() as session:
            assert session.scalars(select(PaperSet)).all() == []

    def test_a_blueprint_that_is_not_in_use(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        for state in ("draft", "retired"):
            change = update(BlueprintRow).values(state=state)
            host.db.write(lambda s, change=change: s.execute(change) and None)
            refusal = refused(host, crew.keeper, kit.plan_of(sources, 2))
            assert (refusal.code, refusal.params["field"]) == ("blueprint_not_active", "blueprint")

    def test_those_who_only_see_papers(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        with pytest.raises(Forbidden):
            host.db.write(assembly_runs.begin, crew.custodian, kit.plan_of(sources, 2), now=host.now())


class TestFurtherRules:
    def test_fixed_items_stand_on_every_form_and_forbidden_ones_on_none(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        barred = tuple(f"T-{n}" for n in range(3, 27))
        plan = kit.plan_of(sources, 3, 2, fixed=("T-1", "T-61"), forbidden=barred)
        found = kit.forms(host, kit.run(host, crew.keeper, plan))
        assert [len(form) for form in found.values()] == [20, 20, 20]
        for form in found.values():
            assert {"T-1", "T-61"} <= set(form)
            assert not set(form) & set(barred)
        assert all(set(a) & set(b) == {"T-1", "T-61"} for a, b in combinations(found.values(), 2))

    @pytest.mark.dear
    def test_items_of_planned_sittings_are_left_out_or_taken_up_to_the_limit(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        administrator = crew.administrator
        first = kit.run(host, administrator, kit.plan_of(sources, 2))
        host.db.write(papers.approve, crew.approver, first, now=host.now())
        used = {uid for form in kit.forms(host, first).values() for uid in form}
        before = kit.run(host, administrator, kit.plan_of(sources, 4, 20, recent_sittings=1))
        drawn = {uid for form in kit.forms(host, before).values() for uid in form}
        assert drawn & used, "no sitting was planned yet: nothing is recent"

        place = kit.room(host, administrator)
        preparing.sitting(host, administrator, batch(host, administrator), place, first)
        none = kit.run(host, administrator, kit.plan_of(sources, 4, 20, recent_sittings=1))
        assert not {uid for form in kit.forms(host, none).values() for uid in form} & used
        some = kit.run(host, administrator, kit.plan_of(sources, 4, 20, recent_sittings=1, recent_max=3))
        assert all(len(set(form) & used) <= 3 for form in kit.forms(host, some).values())
        recent = {fact["uid"] for fact in assembly_runs.snapshot(kit.row(host, none)) if fact["recent"]}
        assert recent == used
        lines = [line for form in kit.row(host, some).outcome["proof"] for line in form]
        assert [line["required"] for line in lines if line["name"] == "recent"] == ["0–3"] * 4

    def test_rules_of_older_releases_are_read(self) -> None:
        assert assembly_runs.FurtherRules.of(None) == assembly_runs.FurtherRules()
        kept = {"spares": 1, "fixed": ["x"], "seats": [["01", 1, 1]], "of_a_later_release": True}
        assert assembly_runs.FurtherRules.of(kept) == assembly_runs.FurtherRules(spares=1, fixed=("x",))

    @pytest.mark.parametrize("change", [{"status": "suspended"}, {"version": 2}])
    def test_an_item_that_changed_meanwhile_fails_the_run(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int], change: dict[str, Any]
    ) -> None:
        plan = kit.plan_of(sources, 2)
        number = host.db.write(assembly_runs.begin, crew.keeper, plan, now=host.now())
        with host.db.read() as session:
            outcome = assemble(assembly_runs.job_payload(session, number), lambda *_: None)
        uid = outcome["forms"][1][7]
        touched = update(BankItem).where(BankItem.uid == uid).values(**change)
        host.db.write(lambda s: s.execute(touched) and None)
        host.db.write(assembly_runs.store_outcome, number, outcome)
        row = kit.row(host, number)
        assert (row.state, row.outcome) == ("failed", {"fault": "pool_changed"})
        assert kit.forms(host, number) == {}


class TestOneFormASeat:
    @pytest.fixture
    def place(self, host: Host, crew: preparing.Crew) -> int:
        return kit.room(host, crew.administrator)

    def test_neighbours_share_nothing_and_every_seat_gets_its_own(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int], place: int
    ) -> None:
        administrator = crew.administrator
        number = kit.run(host, administrator, kit.plan_of(sources, 1, 0, room_id=place, spares=1))
        row, forms = kit.row(host, number), kit.forms(host, number)
        assert (row.state, row.forms, list(forms)) == ("assembled", 10, list("ABCDEFGHIJ"))
        with host.db.read() as session:
            by_seat = assembly_runs.forms_by_seat(row, rooms.get(session, place), ())
        assert by_seat == {f"{n + 1:02}": letter for n, letter in enumerate("ABCDEFGHI")}
        near = [
            (a, b) for a, b in combinations(range(9), 2) if max(abs(a % 3 - b % 3), abs(a // 3 - b // 3)) == 1
        ]
        shared = {
            frozenset((by_seat[f"{a + 1:02}"], by_seat[f"{b + 1:02}"])): len(
                set(forms["ABCDEFGHI"[a]]) & set(forms["ABCDEFGHI"[b]])
            )
            for a, b in near
        }
        proven = {
            frozenset((letter, line["of"])): int(line["reached"])
            for letter, lines in zip(forms, row.outcome["proof"], strict=True)
            for line in lines
            if line["name"] == "overlap"
        }
        assert shared == proven
        assert set(shared.values()) == {0}

    @pytest.mark.dear
    def test_the_draw_gives_each_seat_the_form_that_was_made_for_it(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int], place: int
    ) -> None:
        administrator = crew.administrator
        number = kit.run(host, administrator, kit.plan_of(sources, 1, 0, room_id=place))
        host.db.write(papers.approve, crew.approver, number, now=host.now())
        held = preparing.sitting(host, administrator, batch(host, administrator), place, number)
        kit.roster(host, administrator, held, 7)
        host.db.write(seating.draw, administrator, held, seed="any", now=host.now())
        with host.db.read() as session:
            by_seat = assembly_runs.forms_by_seat(kit.row(host, number), rooms.get(session, place), ())
            drawn = dict(
                session.execute(
                    select(Seat.number, Attempt.form).join(Seat, Seat.id == Attempt.seat_id)
                ).all()
            )
        assert len(drawn) == 7
        assert drawn == {seat: by_seat[seat] for seat in drawn}

    @pytest.mark.dear
    def test_an_unused_seat_out_of_order_changes_nothing_for_the_others(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int], place: int
    ) -> None:
        administrator = crew.administrator
        number = kit.run(host, administrator, kit.plan_of(sources, 1, 0, room_id=place))
        host.db.write(papers.approve, crew.approver, number, now=host.now())
        held = preparing.sitting(host, administrator, batch(host, administrator), place, number)
        kit.roster(host, administrator, held, 7)
        broken = update(Seat).where(Seat.room_id == place, Seat.number == "05").values(kind="broken")
        host.db.write(lambda s: s.execute(broken) and None)
        host.db.write(seating.draw, administrator, held, seed="any", now=host.now())
        query = select(Seat.number, Attempt.form).join(Seat, Seat.id == Attempt.seat_id)
        with host.db.read() as session:
            drawn = dict(session.execute(query).all())
        assert len(drawn) == 7
        assert drawn == {seat: "ABCDEFGHI"[int(seat) - 1] for seat in drawn}
        assert "05" not in drawn

    @pytest.mark.dear
    def test_another_room_or_changed_seats_are_refused(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int], place: int
    ) -> None:
        administrator = crew.administrator
        number = kit.run(host, administrator, kit.plan_of(sources, 1, 0, room_id=place))
        host.db.write(papers.approve, crew.approver, number, now=host.now())
        other = kit.room(host, administrator, name="另一个考场")
        of = batch(host, administrator)
        held = preparing.sitting(host, administrator, of, other, number)
        kit.roster(host, administrator, held, 3)
        with pytest.raises(Refused) as caught:
            host.db.write(seating.draw, administrator, held, now=host.now())
        assert (caught.value.code, caught.value.params["room"]) == ("papers_of_other_room", "另一个考场")
        with host.db.read() as session:
            assert session.get_one(RoomSitting, held).state == "planned"
        moved = update(Seat).where(Seat.room_id == place, Seat.number == "05").values(column=9)
        host.db.write(lambda s: s.execute(moved) and None)
        held = preparing.sitting(host, administrator, of, place, number)
        kit.roster(host, administrator, held, 9)
        with pytest.raises(Refused, match="papers_of_other_room"):
            host.db.write(seating.draw, administrator, held, now=host.now())
        assert kit.rebuilt(host, administrator, number), "a rebuild uses the seats as they were"


class TestRebuild:
    def test_the_same_snapshot_gives_the_same_forms_whatever_became_of_the_bank(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        number = kit.run(host, crew.keeper, kit.plan_of(sources, 3, 1, spares=1, seed=""))
        host.db.write(papers.approve, crew.approver, number, now=host.now())
        gone = update(BankItem).where(BankItem.point == "A-A-001").values(status="suspended", uses=9)
        host.db.write(lambda s: s.execute(gone) and None)
        assert kit.rebuilt(host, crew.administrator, number)
        told = kit.row(host, number).outcome["rebuilt"]
        assert told | {"release": ""} == {
            "at": host.now().isoformat(),
            "by": crew.administrator.name,
            "equal": True,
            "intact": True,
            "release": "",
        }
        with host.db.read() as session:
            acts = select(AuditEntry).where(AuditEntry.act == "papers_rebuilt")
            assert session.scalars(acts).one().object == f"papers/{number}"

    def test_a_tampered_snapshot_is_found_even_where_it_gives_the_same_forms(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        number = kit.run(host, crew.keeper, kit.plan_of(sources, 2))
        facts = assembly_runs.snapshot(kit.row(host, number))
        used = {uid for form in kit.forms(host, number).values() for uid in form}
        fewer = [fact for fact in facts if fact["uid"] not in used]
        put(host, number, pool_facts=zlib.compress(canonical(fewer)))
        assert not kit.rebuilt(host, crew.keeper, number)
        harmless = [fact | {"seconds": 1} for fact in facts]
        put(host, number, pool_facts=zlib.compress(canonical(harmless)))
        assert not kit.rebuilt(host, crew.keeper, number)
        assert kit.row(host, number).outcome["rebuilt"]["intact"] is False
        put(host, number, pool_facts=zlib.compress(canonical(facts)))
        assert kit.rebuilt(host, crew.keeper, number)
        put(host, number, pool_facts=b"not a snapshot")
        with pytest.raises(Refused, match="snapshot_broken"):
            kit.rebuilt(host, crew.keeper, number)

    def test_an_item_exchanged_in_a_kept_form_is_found(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        number = kit.run(host, crew.keeper, kit.plan_of(sources, 2))
        swap = update(FormItem).where(FormItem.form == "B", FormItem.number == 3).values(item_uid="T-1")
        host.db.write(lambda s: s.execute(swap) and None)
        assert not kit.rebuilt(host, crew.keeper, number)
        assert kit.row(host, number).outcome["rebuilt"]["intact"] is True

    def test_another_seed_is_not_the_same(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int]
    ) -> None:
        number = kit.run(host, crew.keeper, kit.plan_of(sources, 2))
        put(host, number, seed="8")
        assert not kit.rebuilt(host, crew.keeper, number)

    @pytest.mark.parametrize("state", ["assembling", "infeasible", "failed"])
    def test_what_gave_no_forms_is_not_done_again(
        self, host: Host, crew: preparing.Crew, sources: tuple[int, int], state: str
    ) -> None:
        number = host.db.write(assembly_runs.begin, crew.keeper, kit.plan_of(sources, 2), now=host.now())
        put(host, number, state=state)
        with host.db.read() as session, pytest.raises(Refused, match="papers_not_rebuildable"):
            assembly_runs.begin_rebuild(session, crew.keeper, number)
        with host.db.read() as session, pytest.raises(Forbidden):
            assembly_runs.begin_rebuild(session, crew.custodian, number)


@pytest.mark.dear
def test_scenario_12_a_paper_of_200_items_by_weights_5_20_35_40_is_exact_and_rebuilds(
    host: Host, crew: preparing.Crew
) -> None:
    """The sample bank holds 276 items; two forms of 200 without a common item take 400 at least."""
    weights = {"A-A": 5, "B-A": 20, "C-A": 35, "D-A": 40}
    pool = {scope: weight * 6 for scope, weight in weights.items()}
    bank = kit.bank(host, crew.keeper, pool)
    bands = {2: [55, 80], 3: [55, 80], 4: [55, 80]}
    kinds = {"single": (150, "0.5"), "true_false": (50, "0.5")}
    blueprint = kit.blueprint(host, crew.keeper, weights, kinds, bands=bands)
    number = kit.run(host, crew.keeper, kit.plan_of((bank, blueprint), 2, 0, seed="20261121"))
    row, found = kit.row(host, number), kit.forms(host, number)
    assert row.state == "assembled", row.outcome["shortages"]

    with host.db.read() as session:
        facts = {item.uid: item for item in session.scalars(select(BankItem))}
        points = session.scalars(select(FormItem.points).where(FormItem.form == "A")).all()
    assert sum(points) == Decimal(100)
    for form in found.values():
        assert Counter(facts[uid].point[:3] for uid in form) == {scope: 2 * w for scope, w in weights.items()}
        assert Counter(facts[uid].kind for uid in form) == {"single": 150, "true_false": 50}
        assert all(55 <= count <= 80 for count in Counter(facts[uid].difficulty for uid in form).values())
    assert not set(found["A"]) & set(found["B"])
    assert papers.unmet(row) == []

    with host.db.read() as session:
        again = assemble(assembly_runs.job_payload(session, number), lambda *_: None)
    assert json.dumps(again["forms"]).encode() == json.dumps(list(found.values())).encode()
    assert kit.rebuilt(host, crew.approver, number)

    with pytest.raises(Refused, match="approver_must_differ"):
        host.db.write(papers.approve, crew.keeper, number, now=host.now() + timedelta(minutes=1))
    host.db.write(papers.approve, crew.approver, number, now=host.now())
    assert kit.row(host, number).state == "approved"


def test_scenario_11_a_point_without_items_is_named(host: Host, crew: preparing.Crew) -> None:
    bank = kit.bank(host, crew.keeper, {"A-A": 40})
    weights = {"A-A": 50, "B-A": 50}
    blueprint = kit.blueprint(host, crew.keeper, weights, {"single": (15, "5"), "true_false": (5, "5")})
    number = kit.run(host, crew.keeper, kit.plan_of((bank, blueprint), 1))
    row = kit.row(host, number)
    assert row.state == "infeasible"
    short = [(each["reason"], each["scope"], each["missing"]) for each in row.outcome["shortages"]]
    assert ("supply", "B-A", 10) in short
    assert kit.forms(host, number) == {}
