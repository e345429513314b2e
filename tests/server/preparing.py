"""Steps that prepare a sitting, done through services on a real store, for tests that begin later."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

from sqlalchemy.orm import Session

from itembank.custody import new_custodian_key
from itembank.importing.pipeline import read_bank
from itembank.importing.tables import read_table
from itembank.sealing import PassphraseParams
from server.access import Actor, Role
from server.db.sittings import Batch
from server.host import Host
from server.jobs.assembling import assemble
from server.rules.roomfile import read_rooms
from server.rules.roster import read_roster
from server.services import (
    assembly_runs,
    banks,
    batches,
    blueprint_drafts,
    blueprints,
    import_commit,
    imports,
    package_release,
    package_sealing,
    papers,
    rooms,
    rosters,
    seating,
    staff,
    staffing,
)
from server.services.signed import Signed
from tests.server.kept_stage import once

SAMPLES = files("server") / "samples"
PASSPHRASE = "four words of a keeper"
CONSOLE = Actor(None, "console/test", frozenset({Role.ADMINISTRATOR}))
CHEAP = PassphraseParams(memory_kib=64, iterations=1, lanes=1)


@dataclass
class Crew:
    """One person for every role, and a second administrator who approves."""

    administrator: Actor
    approver: Actor
    keeper: Actor
    custodian: Actor
    chief: Actor
    invigilator: Actor
    second: Actor


@dataclass
class Staged:
    """Ids of everything prepared."""

    crew: Crew
    bank: int
    blueprint: int
    papers: int
    batch: int
    room: int
    room_sitting: int


def crew(person_as: Callable[..., Actor]) -> Crew:
    return Crew(
        administrator=person_as("administrator"),
        approver=person_as("administrator"),
        keeper=person_as("bank_keeper"),
        custodian=person_as("custodian"),
        chief=person_as("chief_invigilator"),
        invigilator=person_as("invigilator"),
        second=person_as("invigilator"),
    )


def bank(host: Host, who: Actor) -> int:
    data = (SAMPLES / "bank_baowei_3.csv").read_bytes()
    facts = banks.new_bank("示例题库", "baowei", 3, sample=True)
    bank_id = host.db.write(banks.create, who, facts, now=host.now())
    import_id = dry_run(host, who, bank_id, data, "bank.csv")
    take_in(host, CONSOLE, import_id, reviewed=True)
    return bank_id


def dry_run(host: Host, who: Actor, bank_id: int, data: bytes, name: str) -> int:
    """Uploads a file and reads it here, without a child."""
    file = imports.UploadedFile(name, data)
    import_id = host.db.write(imports.begin, who, bank_id, file, now=host.now())
    with host.db.read() as session:
        kept = imports.checked(session, import_id, read_bank(data, name))
    host.db.write(imports.store, import_id, kept)
    return import_id


def take_in(host: Host, who: Actor | Signed, import_id: int, **choice: object) -> int:
    """Commits a dry run; how many items came in."""
    with host.db.read() as session:
        made = import_commit.prepare(session, import_id, import_commit.Choice(**choice))
    return host.db.write(import_commit.take_in, who, made, now=host.now())


def blueprint(host: Host, who: Actor) -> int:
    """The sample blueprint in use: written by `who`, approved by somebody else."""
    text = (SAMPLES / "blueprint_baowei_3.yaml").read_text(encoding="utf-8")
    blueprint_id = host.db.write(blueprints.store, who, text, now=host.now())
    host.db.write(blueprint_drafts.approve, CONSOLE, blueprint_id, now=host.now())
    return blueprint_id


def paper_set(host: Host, people: Crew, bank_id: int, blueprint_id: int, *, seed: str = "7") -> int:
    plan = assembly_runs.AssemblyPlan("理论知识试卷", bank_id, blueprint_id, 4, 25, seed)
    paper_set_id = host.db.write(assembly_runs.begin, people.administrator, plan, now=host.now())
    with host.db.read() as session:
        payload = assembly_runs.job_payload(session, paper_set_id)
    host.db.write(assembly_runs.store_outcome, paper_set_id, assemble(payload, lambda *_: None))
    host.db.write(papers.approve, people.approver, paper_set_id, now=host.now())
    return paper_set_id


def room(host: Host, who: Actor, name: str = "示例标准考场") -> int:
    plan = (SAMPLES / "room_standard_30.csv").read_text("utf-8-sig").replace("示例标准考场", name)
    sheets = read_table(plan.encode(), "room.csv")
    return host.db.write(rooms.store_rooms, who, read_rooms(sheets), now=host.now())[0]


def give_keys(host: Host, *people: Actor) -> None:
    for person in people:
        key = new_custodian_key(PASSPHRASE, CHEAP)
        host.db.write(staff.store_key, person, key, now=host.now())


def sitting(host: Host, who: Actor, batch_id: int, room_id: int, papers_id: int, *, minutes: int = 90) -> int:
    plan = batches.SittingPlan(host.now() + timedelta(minutes=30), Decimal(minutes), (room_id,))
    (room_sitting_id,) = host.db.write(batches.add_sitting, who, batch_id, plan, now=host.now())
    with host.db.read() as session:
        from server.db.sittings import RoomSitting

        sitting_id = session.get_one(RoomSitting, room_sitting_id).sitting_id
    host.db.write(batches.choose_papers, who, sitting_id, papers_id, now=host.now())
    return room_sitting_id


def roster(host: Host, who: Actor, room_sitting_id: int) -> None:
    sheets = read_table((SAMPLES / "roster_sample.csv").read_bytes(), "roster.csv")
    entries = read_roster(sheets).entries
    host.db.write(rosters.store_roster, who, room_sitting_id, entries, now=host.now())


def check_nobody(host: Host, batch_id: int) -> None:
    """Self-checks and the gates of the day block no room of the batch: for tests without agents."""

    def change(session: Session) -> None:
        row = session.get_one(Batch, batch_id)
        row.policy = row.policy | {"checks": {**row.policy["checks"], "required": False}, "gates": {}}

    host.db.write(change)


def staged(host: Host, person_as: Callable[..., Actor], *, profile: str = "national") -> Staged:
    """Everything up to a sealed package, seats drawn, staff on duty."""
    people = crew(person_as)
    return once(host, profile, host.now(), lambda: _staged(host, people, profile))


def _staged(host: Host, people: Crew, profile: str) -> Staged:
    bank_id, blueprint_id = bank(host, people.administrator), blueprint(host, people.administrator)
    papers_id = paper_set(host, people, bank_id, blueprint_id)
    plan = batches.BatchPlan("2026 年第 4 批", "baowei", 3, profile)
    batch_id = host.db.write(batches.create, people.administrator, plan, now=host.now())
    check_nobody(host, batch_id)
    room_id = room(host, people.administrator)
    room_sitting_id = sitting(host, people.administrator, batch_id, room_id, papers_id)
    roster(host, people.administrator, room_sitting_id)
    duties = {
        people.chief.user_id: Role.CHIEF_INVIGILATOR,
        people.invigilator.user_id: Role.INVIGILATOR,
        people.second.user_id: Role.INVIGILATOR,
    }
    host.db.write(staffing.assign_staff, people.administrator, room_sitting_id, duties, now=host.now())
    host.db.write(seating.draw, people.administrator, room_sitting_id, seed="draw", now=host.now())
    give_keys(host, people.chief, people.administrator, people.custodian)
    seal(host, people, room_sitting_id)
    return Staged(people, bank_id, blueprint_id, papers_id, batch_id, room_id, room_sitting_id)


def seal(host: Host, people: Crew, room_sitting_id: int) -> int:
    custodians = {
        people.chief.user_id: Role.CHIEF_INVIGILATOR,
        people.administrator.user_id: Role.ADMINISTRATOR,
        people.custodian.user_id: Role.CUSTODIAN,
    }
    key = host.site.signing_key.private_bytes_raw()
    who = Signed(people.administrator, cosigner=people.chief)  # sealing again needs a second holder
    return host.db.write(package_sealing.seal, who, room_sitting_id, custodians, key, now=host.now())


def unlock(host: Host, person: Actor, passphrase: str = PASSPHRASE) -> package_release.Unlocked:
    from itembank.custody import open_custodian_key

    with host.db.read() as session:
        sealed = staff.sealed_custodian_key(session, person.user_id)
    return package_release.Unlocked(person, open_custodian_key(sealed, passphrase))


def release(host: Host, stage: Staged) -> None:
    holders = (unlock(host, stage.crew.chief), unlock(host, stage.crew.custodian))
    host.db.write(
        package_release.open_package, stage.room_sitting, holders, host.site.public_key, now=host.now()
    )
