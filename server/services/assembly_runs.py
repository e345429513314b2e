"""Assemblies as runs: what is asked for, the snapshot of the pool they draw from, and what came out.

The snapshot is kept: with it, the seed and the blueprint's version any run can be done again, and must give
the same forms. It holds facts only, never a body.
"""

import hashlib
import json
import secrets
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exam_rooms.seatmap import SeatKind
from exam_rooms.wire import canonical
from itembank.assembly import FORMS_LIMIT, form_name
from itembank.version import VERSION
from server.access import Actor, Permission
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.papers import FormItem, PaperSet
from server.db.rooms import Room
from server.db.sittings import Sitting
from server.errors import NotFound, Refused
from server.services import audit, joblist
from server.services.blueprints import read
from server.services.signed import need

RECENT_LIMIT = 50
UIDS_LIMIT = 500
OVERLAP_LIMIT = 1000
REBUILDABLE = ("assembled", "approved", "retired")


@dataclass(frozen=True, slots=True)
class FurtherRules:
    """What binds an assembly beyond its blueprint.

    `spares`: the last forms are kept back for a swap. `fixed` items stand on every form, `forbidden` on none.
    Of the items of the last `recent_sittings` sittings each form takes at most `recent_max`. `room_id`: each
    seat of the room gets a form of its own, and `max_overlap` binds neighbours.
    """

    spares: int = 0
    fixed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    recent_sittings: int = 0
    recent_max: int = 0
    room_id: int | None = None
    per_point_max: int = 1

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "FurtherRules":
        """The rules as a paper set keeps them; none for sets of older releases."""
        names = {field.name for field in fields(cls)}
        told = {name: value for name, value in (kept or {}).items() if name in names}
        for name in ("fixed", "forbidden"):
            told[name] = tuple(told.get(name, ()))
        return cls(**told)


@dataclass(frozen=True, slots=True)
class AssemblyPlan:
    """What to assemble; an empty seed asks for a fresh one. `forms` counts spares; with a room its seats."""

    title: str
    bank_id: int
    blueprint_id: int
    forms: int
    max_overlap: int
    seed: str = ""
    rules: FurtherRules = FurtherRules()


def begin(session: Session, actor: Actor, plan: AssemblyPlan, *, now: datetime) -> int:
    """Notes an assembly that a job is about to do; seed, pool and seats are stored before anything is drawn.

    Raises `Refused` with the field that is wrong.
    """
    need(actor, Permission.ASSEMBLE_PAPERS)
    bank, blueprint = session.get(Bank, plan.bank_id), session.get(BlueprintRow, plan.blueprint_id)
    if bank is None or blueprint is None:
        raise NotFound("bank" if bank is None else "blueprint")
    if (bank.occupation, bank.level) != (blueprint.occupation, blueprint.level):
        raise Refused("blueprint_of_other_level", 422, field="blueprint")
    if blueprint.state != "active":
        raise Refused("blueprint_not_active", 422, field="blueprint", title=blueprint.title)
    if not plan.title.strip():
        raise Refused("paper_title_missing", 422, field="title")
    seats = _seats(session, plan.rules.room_id)
    forms = plan.forms if plan.rules.room_id is None else len(seats) + plan.rules.spares
    _check(plan, forms)
    facts = _facts(session, bank.id, plan.rules)
    _check_uids(plan.rules, facts)
    row = PaperSet(
        title=plan.title.strip(),
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        seed=_seed(plan.seed),
        forms=forms,
        max_overlap=plan.max_overlap,
        rules=asdict(plan.rules) | {"seats": seats},
        state="assembling",
        snapshot=snapshot_hash(facts),
        pool_facts=zlib.compress(canonical(facts)),
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    stream, told = audit.bank_stream(bank.id), {"seed": row.seed, "forms": row.forms}
    audit.record(session, stream, actor, "assembly_begun", f"papers/{row.id}", now=now, **told)
    return row.id


def job_payload(session: Session, paper_set_id: int) -> dict[str, Any]:
    """What the assembling child needs: blueprint text, the snapshot's facts (never bodies), rules, seed."""
    row = session.get_one(PaperSet, paper_set_id)
    rules = FurtherRules.of(row.rules)
    payload: dict[str, Any] = {
        "blueprint": session.get_one(BlueprintRow, row.blueprint_id).text,
        "pool": [{name: fact for name, fact in item.items() if name != "version"} for item in snapshot(row)],
        "forms": row.forms,
        "max_overlap": row.max_overlap,
        "seed": row.seed,
        "per_point_max": rules.per_point_max,
        "fixed": list(rules.fixed),
        "forbidden": list(rules.forbidden),
        "spares": rules.spares,
        "seats": [[column, line] for _number, column, line in seats_of(row)],
    }
    return payload | ({"recent_max": rules.recent_max} if rules.recent_sittings else {})


def link_job(session: Session, paper_set_id: int, job_id: int) -> None:
    """Remembers which job assembles, so that a returning person finds its progress."""
    session.get_one(PaperSet, paper_set_id).job_id = job_id


def store_outcome(session: Session, paper_set_id: int, outcome: Mapping[str, Any]) -> None:
    """Keeps the forms with their proof, or the named shortages.

    An item that was changed, suspended or retired meanwhile fails the run: its forms would not be those of
    the snapshot.
    """
    row = session.get_one(PaperSet, paper_set_id)
    if row.state != "assembling":
        return
    forms = outcome["forms"]
    pool = {item.uid: item for item in _active(session, row.bank_id)}
    drawn = {fact["uid"]: fact["version"] for fact in snapshot(row)}
    taken = {uid for form in forms for uid in form}
    if any(uid not in pool or pool[uid].version != drawn[uid] for uid in taken):
        row.state, row.outcome = "failed", {"fault": "pool_changed"}
        return
    row.state = "assembled" if forms else "infeasible"
    kept = {name: outcome.get(name) for name in ("proof", "shortages", "objective", "bound")}
    row.outcome = kept | {"pool": len(drawn), "forms_hash": forms_hash(forms), "release": VERSION}
    points = {
        str(kind): share.points
        for kind, share in read(session.get_one(BlueprintRow, row.blueprint_id)).kinds.items()
    }
    session.execute(delete(FormItem).where(FormItem.paper_set_id == row.id))
    for place, uids in enumerate(forms):
        for number, uid in enumerate(uids, 1):
            session.add(_form_item(row.id, form_name(place), number, pool[uid], points[pool[uid].kind]))


def fail(session: Session, paper_set_id: int, code: str) -> None:
    """The assembly did not end; the code says why."""
    row = session.get_one(PaperSet, paper_set_id)
    if row.state == "assembling":
        row.state, row.outcome = "failed", {"fault": code}


def begin_rebuild(session: Session, actor: Actor, paper_set_id: int) -> dict[str, Any]:
    """What the child needs to do a run again, from what was stored of it. Raises `Refused`."""
    need(actor, Permission.ASSEMBLE_PAPERS)
    row = session.get(PaperSet, paper_set_id)
    if row is None:
        raise NotFound("papers")
    if not rebuildable(row):
        raise Refused("papers_not_rebuildable", title=row.title)
    if row.job_id is not None and joblist.look(session, row.job_id).running:
        raise Refused("rebuild_running")
    try:
        return job_payload(session, paper_set_id)
    except (zlib.error, ValueError) as fault:
        raise Refused("snapshot_broken", title=row.title) from fault


def store_rebuild(
    session: Session, actor: Actor, paper_set_id: int, outcome: Mapping[str, Any], *, now: datetime
) -> bool:
    """Notes whether the stored snapshot, blueprint and seed gave the forms that are kept, once more.

    Not equal either when the snapshot is not the one whose hash was noted: then nothing is proven.
    """
    row = session.get_one(PaperSet, paper_set_id)
    intact = snapshot_hash(snapshot(row)) == row.snapshot
    hashes = {forms_hash(outcome["forms"]), forms_hash(forms_of(session, row.id).values())}
    equal = intact and hashes == {row.outcome.get("forms_hash")}
    told = {"at": now.isoformat(), "by": actor.name, "equal": equal, "intact": intact, "release": VERSION}
    row.outcome = row.outcome | {"rebuilt": told}
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, actor, "papers_rebuilt", f"papers/{row.id}", now=now, equal=equal)
    return equal


def rebuildable(row: PaperSet) -> bool:
    """Whether the run can be done again: it gave forms and its snapshot was kept."""
    return row.pool_facts is not None and row.state in REBUILDABLE


def forms_of(session: Session, paper_set_id: int) -> dict[str, list[str]]:
    """The kept forms in their order: name -> uids in the order of the paper."""
    rows = session.execute(
        select(FormItem.form, FormItem.item_uid)
        .where(FormItem.paper_set_id == paper_set_id)
        .order_by(func.length(FormItem.form), FormItem.form, FormItem.number)
    )
    forms: dict[str, list[str]] = {}
    for form, uid in rows:
        forms.setdefault(form, []).append(uid)
    return forms


def snapshot(row: PaperSet) -> list[dict[str, Any]]:
    """The facts of the pool as they were when the run began."""
    if row.pool_facts is None:
        return []
    facts: list[dict[str, Any]] = json.loads(zlib.decompress(row.pool_facts))
    return facts


def snapshot_hash(facts: list[dict[str, Any]]) -> str:
    """SHA-256 over the facts of the pool: the same snapshot and seed rebuild the same forms."""
    return hashlib.sha256(canonical(facts)).hexdigest()


def forms_hash(forms: Any) -> str:  # noqa: ANN401 - lists of lists of ids
    """SHA-256 over the forms in their order."""
    return hashlib.sha256(canonical([list(form) for form in forms])).hexdigest()


def seats_of(row: PaperSet) -> list[tuple[str, float, float]]:
    """Number, column and row of the seats that a set was assembled for, in the order of its forms."""
    return [(str(number), float(x), float(y)) for number, x, y in (row.rules or {}).get("seats", ())]


def forms_by_seat(row: PaperSet, room: Room, used: Iterable[str]) -> dict[str, str]:
    """Seat number -> form, for a set that was assembled for this room's seats; {} for any other set.

    Seats that stand no longer where the set knew them have none; what kind they are of now does not matter.
    Raises `Refused` (papers_of_other_room) when the set was made for another room, or has no form for a seat
    in use (`used`: numbers).
    """
    room_id = FurtherRules.of(row.rules).room_id
    if room_id is None:
        return {}
    standing = {(seat.number, float(seat.column), float(seat.row)) for seat in room.seats}
    forms = {seat[0]: form_name(place) for place, seat in enumerate(seats_of(row)) if seat in standing}
    if room_id != room.id or not forms.keys() >= set(used):
        raise Refused("papers_of_other_room", 422, title=row.title, room=room.name)
    return forms


def _check(plan: AssemblyPlan, forms: int) -> None:
    rules = plan.rules
    seated = forms - rules.spares
    if rules.spares < 0 or (1 <= forms <= FORMS_LIMIT and seated < 1):
        raise Refused("spares_out_of_range", 422, field="spare_forms", limit=FORMS_LIMIT - 1)
    if not 1 <= seated <= FORMS_LIMIT:
        field = "forms" if rules.room_id is None else "room"
        raise Refused("forms_out_of_range", 422, field=field, limit=FORMS_LIMIT)
    if forms > FORMS_LIMIT:
        raise Refused("spares_out_of_range", 422, field="spare_forms", limit=FORMS_LIMIT - seated)
    limits = {
        "max_overlap": (plan.max_overlap, 0, OVERLAP_LIMIT),
        "recent_sittings": (rules.recent_sittings, 0, RECENT_LIMIT),
        "recent_max": (rules.recent_max, 0, OVERLAP_LIMIT),
        "per_point_max": (rules.per_point_max, 1, OVERLAP_LIMIT),
    }
    for field, (asked, least, most) in limits.items():
        if not least <= asked <= most:
            raise Refused("number_out_of_range", 422, field=field, value=asked, low=least, high=most)


def _check_uids(rules: FurtherRules, facts: list[dict[str, Any]]) -> None:
    known = {entry["uid"] for entry in facts}
    for field, uids in (("fixed", rules.fixed), ("forbidden", rules.forbidden)):
        if len(uids) > UIDS_LIMIT:
            raise Refused("too_many_uids", 422, field=field, limit=UIDS_LIMIT)
        strange = [uid for uid in uids if uid not in known]
        if strange:
            raise Refused("uid_not_active", 422, field=field, uid=strange[0][:64])
    both = set(rules.fixed) & set(rules.forbidden)
    if both:
        raise Refused("uid_fixed_and_forbidden", 422, field="forbidden", uid=min(both))


def _seed(asked: str) -> str:
    seed = asked.strip() or str(secrets.randbits(63))
    if not seed.isdigit() or len(seed) > 38:
        raise Refused("seed_not_a_number", 422, field="seed")
    return seed


def _facts(session: Session, bank_id: int, rules: FurtherRules) -> list[dict[str, Any]]:
    recent = _recent(session, bank_id, rules.recent_sittings)
    return [
        {
            "uid": item.uid,
            "version": item.version,
            "point": item.point,
            "kind": item.kind,
            "difficulty": item.difficulty,
            "importance": item.importance,
            "uses": item.uses,
            "enemy": item.enemy,
            "seconds": item.seconds,
            "facility": item.facility,
            "recent": item.id in recent,
        }
        for item in _active(session, bank_id)
    ]


def _active(session: Session, bank_id: int) -> list[BankItem]:
    rows = select(BankItem).where(BankItem.bank_id == bank_id, BankItem.status == "active")
    return list(session.scalars(rows.order_by(BankItem.uid)))


def _recent(session: Session, bank_id: int, sittings: int) -> set[int]:
    """Items on the papers of the bank's latest sittings, planned ones included."""
    if not sittings:
        return set()
    latest = (
        select(Sitting.paper_set_id)
        .join(PaperSet, PaperSet.id == Sitting.paper_set_id)
        .where(PaperSet.bank_id == bank_id)
        .order_by(Sitting.starts_at.desc(), Sitting.id.desc())
        .limit(sittings)
    )
    sets = set(session.scalars(latest))
    return set(session.scalars(select(FormItem.item_id).where(FormItem.paper_set_id.in_(sets)).distinct()))


def _seats(session: Session, room_id: int | None) -> list[tuple[str, float, float]]:
    """Number, column and row of every seat that candidates sit at, in the order of the room."""
    if room_id is None:
        return []
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    seats = [seat for seat in room.seats if seat.kind == SeatKind.NORMAL]
    return [(seat.number, float(seat.column), float(seat.row)) for seat in seats]


def _form_item(paper_set_id: int, form: str, number: int, item: BankItem, points: Decimal) -> FormItem:
    return FormItem(
        paper_set_id=paper_set_id,
        form=form,
        number=number,
        item_id=item.id,
        item_uid=item.uid,
        item_version=item.version,
        points=points,
    )
