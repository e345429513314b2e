"""Templates of score sheets in the store: sealed by the bank's key, versioned, out of use when nobody waits."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from itembank.sealing import SealBroken
from itembank.sheet_template import Template, digest
from itembank.vault import Vault
from server.access import Actor, Role
from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.record import AuditEntry
from server.db.sittings import RoomSitting
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.jobs import rotating
from server.services import banks, rotation, sheet_templates
from server.services.sample_templates import FILES, sample
from server.services.signed import Signed
from tests.server.assessing_kit import make_assessment


@pytest.fixture
def keeper(person_as: Callable[..., Actor]) -> Actor:
    return person_as("bank_keeper")


@pytest.fixture
def second(person_as: Callable[..., Actor]) -> Actor:
    return person_as("bank_keeper", name="题库管理员二")


@pytest.fixture
def bank(host: Host, keeper: Actor) -> int:
    return host.db.write(banks.create, keeper, banks.new_bank("题库", "baowei", 3), now=host.now())


def store(host: Host, who: Actor, bank: int, template: Template | None = None) -> int:
    return host.db.write(sheet_templates.store, who, bank, template or sample("practical"), now=host.now())


def row(host: Host, number: int) -> SheetTemplate:
    with host.db.read() as session:
        found = session.get_one(SheetTemplate, number)
        assert found.sealed
        return found


def changed(template: Template) -> Template:
    return replace(template, minutes=Decimal(50))


def approve(host: Host, who: Actor, number: int) -> None:
    seen = row(host, number).sha256
    host.db.write(sheet_templates.approve, who, number, seen=seen, now=host.now())


@pytest.mark.both_stores
def test_versions_are_sealed_apart_and_never_change(
    host: Host, keeper: Actor, second: Actor, bank: int
) -> None:
    first = store(host, keeper, bank)
    approve(host, second, first)
    before = row(host, first)
    later = host.db.write(
        sheet_templates.store_version, second, first, changed(sample("practical")), "时间", now=host.now()
    )
    assert (row(host, first).sealed, row(host, first).sha256) == (before.sealed, before.sha256)
    fresh = row(host, later)
    assert (fresh.uid, fresh.version, fresh.state, fresh.note) == (before.uid, 2, "draft", "时间")
    opened = host.db.write(sheet_templates.content, keeper, later, now=host.now())
    assert digest(opened) == fresh.sha256
    assert opened.minutes == 50
    assert host.db.write(sheet_templates.compared, keeper, later, now=host.now())[:2] == (opened, 1)
    assert host.db.write(sheet_templates.compared, keeper, first, now=host.now())[1:] == (0, [])
    with host.db.read() as session:
        key = session.get_one(Bank, bank).wrapped_key
    with pytest.raises(SealBroken):
        host.vault.open_sheet(key, fresh.uid, 1, fresh.sealed)
    with pytest.raises(SealBroken):
        Vault(bytes(32)).open_sheet(key, fresh.uid, 2, fresh.sealed)


def test_an_unsound_template_is_not_kept_and_told_whole(host: Host, keeper: Actor, bank: int) -> None:
    template = sample("practical")
    broken = replace(template, title="", tasks=template.tasks[:2])
    with pytest.raises(InputRefused) as caught:
        store(host, keeper, bank, broken)
    assert {each.code for each in caught.value.problems} == {"sheet_text_missing", "sheet_weights"}
    with pytest.raises(NotFound):
        store(host, keeper, 999)


def test_only_another_person_approves_what_was_seen_and_once(
    host: Host, keeper: Actor, second: Actor, bank: int
) -> None:
    number = store(host, keeper, bank)
    codes = []
    for who, seen in ((keeper, row(host, number).sha256), (second, "0" * 64)):
        with pytest.raises(Refused) as caught:
            host.db.write(sheet_templates.approve, who, number, seen=seen, now=host.now())
        codes.append(caught.value.code)
    approve(host, second, number)
    with pytest.raises(Refused) as caught:
        approve(host, second, number)
    assert [*codes, caught.value.code] == [
        "template_by_author",
        "template_changed_meanwhile",
        "template_not_draft",
    ]


def test_the_same_content_and_another_component_are_no_new_version(
    host: Host, keeper: Actor, bank: int
) -> None:
    number = store(host, keeper, bank)
    for content, code in (
        (replace(sample("practical"), uid="x", version=7), "template_unchanged"),
        (sample("review"), "template_other_component"),
    ):
        with pytest.raises(Refused) as caught:
            host.db.write(sheet_templates.store_version, keeper, number, content, "", now=host.now())
        assert caught.value.code == code


def test_no_other_role_opens_or_writes_one(
    host: Host, keeper: Actor, bank: int, person_as: Callable[..., Actor]
) -> None:
    number = store(host, keeper, bank)
    for role in ("examiner", "administrator", "chief_invigilator", "scorer", "custodian"):
        who = person_as(role)
        with pytest.raises(Forbidden):
            host.db.write(sheet_templates.content, who, number, now=host.now())
        with pytest.raises(Forbidden):
            store(host, who, bank)
        with pytest.raises(Forbidden):
            host.db.write(sheet_templates.retire, who, number, now=host.now())


def test_a_template_that_a_room_awaits_is_not_retired(
    host: Host, keeper: Actor, person_as: Callable[..., Actor]
) -> None:
    stage = make_assessment(host, person_as, state="arranged", candidates=2)
    with pytest.raises(Refused) as caught:
        stage.write(sheet_templates.retire, keeper, stage.template)
    assert (caught.value.code, caught.value.params["count"]) == ("template_awaited", "1")
    other = store(host, keeper, stage.bank)
    stage.write(sheet_templates.retire, keeper, other)
    assert row(host, other).state == "retired"


def test_the_record_names_a_version_and_never_what_is_asked(host: Host, keeper: Actor, bank: int) -> None:
    number = store(host, keeper, bank)
    with host.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "template_stored")).one()
    assert (entry.stream, entry.object) == (f"bank/{bank}", f"template/{number}")
    assert set(entry.details) == {"uid", "version", "sha256"}


def test_every_reading_of_what_is_asked_is_on_the_record(host: Host, keeper: Actor, bank: int) -> None:
    number = store(host, keeper, bank)
    host.db.write(sheet_templates.content, keeper, number, now=host.now())
    with host.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "template_read")).one()
    assert (entry.stream, entry.object, entry.actor_id) == (
        f"bank/{bank}",
        f"template/{number}",
        keeper.user_id,
    )
    assert set(entry.details) == {"uid", "version", "sha256"}


def test_an_examiner_whose_panel_awaits_it_neither_opens_changes_nor_approves_it(
    host: Host, keeper: Actor, person_as: Callable[..., Actor]
) -> None:
    """Also while the panel scores: who has read one is fit for no panel, and the next turn must begin."""
    stage = make_assessment(host, person_as, candidates=2)
    both = Actor(stage.leader.user_id, stage.leader.name, frozenset({Role.EXAMINER, Role.BANK_KEEPER}))
    acts: tuple[Callable[[], object], ...] = (
        lambda: stage.write(sheet_templates.content, both, stage.template),
        lambda: stage.write(sheet_templates.store_version, both, stage.template, sample("practical"), ""),
    )
    for act in acts:
        with pytest.raises(Refused, match="template_of_own_panel"):
            act()
    later = stage.write(sheet_templates.store_version, keeper, stage.template, sample("practical"), "")
    with pytest.raises(Refused, match="template_of_own_panel"):
        approve(host, both, later)
    host.db.write(_marked, stage.room_sitting)
    assert stage.write(sheet_templates.content, both, stage.template).sample


def test_a_new_key_of_the_bank_reseals_templates_too(
    host: Host, keeper: Actor, bank: int, person_as: Callable[..., Actor]
) -> None:
    number = store(host, keeper, bank)
    before = row(host, number).sealed
    signed = Signed(person_as("administrator"), cosigner=keeper)
    begun = host.db.write(rotation.begin, signed, bank, "", now=host.now())
    rotating.rotate(rotating.Desk(host.db, host.native, host.now, pause=lambda _seconds: None), begun)
    assert row(host, number).sealed != before
    with host.db.read() as session:
        assert session.get_one(Bank, bank).next_key is None
    opened = host.db.write(sheet_templates.content, keeper, number, now=host.now())
    assert opened.title == sample("practical").title


def test_the_samples_say_that_they_are_samples() -> None:
    for component in FILES:
        template = sample(component)
        assert template.sample
        assert "示例" in template.title
        assert template.component == component


def _marked(session: Session, room_sitting: int) -> None:
    session.get_one(RoomSitting, room_sitting).state = "marked"
