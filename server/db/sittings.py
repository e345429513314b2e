"""Batches, sittings, rooms in a sitting, candidates, attempts and what happens to them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Batch(Base):
    """One occupation and level with its frozen policy (design D10). state: draft -> filed."""

    __tablename__ = "batches"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    occupation: Mapped[str] = mapped_column(String(32))
    level: Mapped[int]
    profile: Mapped[str] = mapped_column(String(40))
    policy: Mapped[dict[str, Any]] = mapped_column(JSON)
    rehearsal: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16), default="filed")
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Sitting(Base):
    """One component at one time, in one or more rooms; `method` is `policy_components.Method`.

    A sitting that is delivered at seats has papers, one that a panel assesses has the template of its sheets.
    `retake`: for candidates who have failed the component. `replaces_id`: the sitting that was broken off and
    is held again by this one, with other papers.
    """

    __tablename__ = "sittings"
    __table_args__ = (UniqueConstraint("batch_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"))
    number: Mapped[int]
    component: Mapped[str] = mapped_column(String(16), default="theory")
    method: Mapped[str] = mapped_column(String(16), default="computer", server_default=text("'computer'"))
    retake: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    starts_at: Mapped[datetime] = mapped_column(Moment)
    minutes: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    paper_set_id: Mapped[int | None] = mapped_column(ForeignKey("paper_sets.id"))
    template_id: Mapped[int | None] = mapped_column(ForeignKey("sheet_templates.id"))
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("sittings.id"))


class RoomSitting(Base):
    """One room in one sitting: what the monitor shows.

    state: planned -> arranged -> released -> running -> ended -> collected -> marked.
    `anchor` is the start on the boot clock (design D22): {"wall": iso, "boot_ns": n, "boot_id": id}.
    `version` grows with every change that seats must hear of. `watched_at` is when the server last looked
    at the running room: after a crash the time since then was a gap of every seat.
    `capture_seed` decides the moments of random captures. `cameras_overruled`: who starts the room although
    cameras are wrong ({"by", "at", "reason"}).
    From `locked_at` on the seats are not drawn again. `lock_overruled`: what the chief let pass at the lock
    ({"by", "reason", "findings"}). `arrangement_id` names the draw that seated the room.
    `paused_at`: the whole room stands still since then. `void_at`: the sitting was broken off and is held
    again; the attempts are kept sealed and never marked.
    """

    __tablename__ = "room_sittings"
    __table_args__ = (UniqueConstraint("sitting_id", "room_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    state: Mapped[str] = mapped_column(String(16), default="planned")
    seating_seed: Mapped[str] = mapped_column(String(40), default="")
    seating_notes: Mapped[list[Any]] = mapped_column(JSON, default=list)
    arranged_at: Mapped[datetime | None] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    anchor: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str] = mapped_column(String(200), default="")
    collected_at: Mapped[datetime | None] = mapped_column(Moment)
    marked_at: Mapped[datetime | None] = mapped_column(Moment)
    watched_at: Mapped[datetime | None] = mapped_column(Moment)
    capture_seed: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))
    cameras_overruled: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    arrangement_id: Mapped[int | None] = mapped_column(ForeignKey("arrangements.id"))
    locked_at: Mapped[datetime | None] = mapped_column(Moment)
    locked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lock_overruled: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    void_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(default=1)


class Assignment(Base):
    """A member of staff on duty in a room for a sitting. `drawn`: by a draw, not named by somebody.

    `leader`: of the panel of examiners there.
    """

    __tablename__ = "assignments"

    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(32))
    drawn: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    leader: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class Candidate(Base):
    """A person; the ID number is sealed and found by its keyed blind index."""

    __tablename__ = "candidates"

    id: Mapped[int] = mapped_column(primary_key=True)
    id_index: Mapped[str] = mapped_column(String(64), unique=True)
    sealed_id: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Moment)


class Registration(Base):
    """A candidate's place in a sitting: ticket, employer, photo (sealed). One per candidate and sitting.

    `room_id` is empty until a draw gives the room; `drawn_room` tells that one did, so that the next draw may
    give another. An approved accommodation is extra time, as a share of the test (`extra_percent`) or in
    minutes (`extra_minutes`), never both, large print, and a room of one's own; `accommodation_note` names
    the approval. `void_at`: the ticket is good no longer, another one took its place.
    """

    __tablename__ = "registrations"
    __table_args__ = (UniqueConstraint("sitting_id", "candidate_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"), index=True)
    drawn_room: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    ticket: Mapped[str] = mapped_column(String(32), unique=True)
    employer: Mapped[str] = mapped_column(String(120), default="")
    sealed_photo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    has_photo: Mapped[bool] = mapped_column(default=False)
    extra_percent: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    extra_minutes: Mapped[Decimal | None] = mapped_column(Numeric(7, 2))
    large_print: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    own_room: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    accommodation_note: Mapped[str] = mapped_column(String(200), default="", server_default=text("''"))
    void_at: Mapped[datetime | None] = mapped_column(Moment)


class Attempt(Base):
    """One candidate's theory test at a seat; `state` is `exam_rooms.seats.AttemptState`.

    Everybody in a room shares the start; `credit_minutes` moves this candidate's deadline. A submission
    from before `reopened_at` is void. `hand_raised_at`: the candidate calls an invigilator since then.
    `frozen_at`: the paper is covered since then, for a breach of the kind `frozen_why` or by a command.
    `paused_at`: this seat stands still since then.
    `version` grows with every change the seat must hear of.
    """

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("room_sitting_id", "seat_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), unique=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    form: Mapped[str] = mapped_column(String(4))
    state: Mapped[str] = mapped_column(String(16), default="assigned")
    workstation_id: Mapped[int | None] = mapped_column(ForeignKey("workstations.id"))
    identified_at: Mapped[datetime | None] = mapped_column(Moment)
    admitted_at: Mapped[datetime | None] = mapped_column(Moment)
    admitted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)
    rules_version: Mapped[str] = mapped_column(String(20), default="")
    face_consent: Mapped[bool | None]
    answering_at: Mapped[datetime | None] = mapped_column(Moment)
    credit_minutes: Mapped[Decimal] = mapped_column(Numeric(7, 2), default=Decimal(0))
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    close_reason: Mapped[str] = mapped_column(String(200), default="")
    reopened_at: Mapped[datetime | None] = mapped_column(Moment)
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    collected_at: Mapped[datetime | None] = mapped_column(Moment)
    collect_note: Mapped[str] = mapped_column(String(200), default="")
    hand_raised_at: Mapped[datetime | None] = mapped_column(Moment)
    hand_reason: Mapped[str] = mapped_column(String(12), default="", server_default=text("''"))
    frozen_at: Mapped[datetime | None] = mapped_column(Moment)
    frozen_why: Mapped[str | None] = mapped_column(String(32))
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(default=1)


class SeatStay(Base):
    """From when to when an attempt was at a seat: the seat history of the room record."""

    __tablename__ = "seat_stays"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    from_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(String(200), default="")


class JournalGrant(Base):
    """A journal number given to one workstation for one attempt; `parent` is the head it continues."""

    __tablename__ = "journals"

    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    journal: Mapped[int] = mapped_column(primary_key=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    parent: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime] = mapped_column(Moment)
    final_seq: Mapped[int | None]


class TimeCredit(Base):
    """Compensation time, for one attempt or (attempt empty) the whole room, with the chief's co-signature.

    `once` is the one-time number of the form that asked for it, so that a second click gives nothing.
    """

    __tablename__ = "time_credits"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    minutes: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    reason: Mapped[str] = mapped_column(String(200))
    granted_at: Mapped[datetime] = mapped_column(Moment)
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    once: Mapped[str | None] = mapped_column(String(32), unique=True)


class LinkGapRow(Base):
    """A time without link that the server saw; those open before the deadline may excuse late records.

    `lost_at` is when the workstation was heard for the last time; `boot_id` the machine's boot before it;
    `clear_at` the last moment of which the server knew that nothing waited there (none: not known).
    """

    __tablename__ = "link_gaps"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    boot_id: Mapped[str] = mapped_column(String(64), default="")
    lost_at: Mapped[datetime] = mapped_column(Moment)
    back_at: Mapped[datetime | None] = mapped_column(Moment)
    clear_at: Mapped[datetime | None] = mapped_column(Moment)


class Incident(Base):
    """Something a person should look at; raised by the server or an agent, never a verdict.

    `episode`: the agent's name of the camera episode that was reported last, "" for other causes.
    """

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    seat_id: Mapped[int | None] = mapped_column(ForeignKey("seats.id"))
    kind: Mapped[str] = mapped_column(String(32))
    severity: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16), default="raised")
    handled_at: Mapped[datetime | None] = mapped_column(Moment)
    handled_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
    episode: Mapped[str] = mapped_column(String(32), default="", server_default=text("''"), index=True)


class ComponentResult(Base):
    """The mark of one attempt. Item marks are sealed; the total is an exact decimal.

    status: scored | pending (a text waits for an examiner) | absent | void (by a decided case alone; what the
    result was is sealed in `sealed_before_void`).
    """

    __tablename__ = "component_results"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), unique=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    component: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    total: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    passed: Mapped[bool | None]
    answered: Mapped[int] = mapped_column(default=0)
    not_counted: Mapped[int] = mapped_column(default=0)
    sealed_marks: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_before_void: Mapped[bytes | None] = mapped_column(LargeBinary)
    marked_at: Mapped[datetime] = mapped_column(Moment)


class ServerBoot(Base):
    """The boot clock of one of the servers' machines at the last look, to notice reboots and steps (D22).

    `id` is a number made of the boot's id (`steady.keep_anchor`); 1 in an installation from before.
    """

    __tablename__ = "server_boots"

    id: Mapped[int] = mapped_column(primary_key=True)
    boot_id: Mapped[str] = mapped_column(String(40))
    boot_ns: Mapped[int] = mapped_column(BigInteger)
    wall: Mapped[datetime] = mapped_column(Moment)
