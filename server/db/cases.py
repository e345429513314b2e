"""What people saw (reports with photos), cases of violations with their steps, the register of persons."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class StaffReport(Base):
    """What a member of staff put on the list of incidents; the incident's row holds kind, seat and state.

    `witnesses`: names of others who saw it. Of a leave: `escort` went along, the candidate was `back_at`,
    and `back_check` says how identity was checked then (face | document).
    """

    __tablename__ = "staff_reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), unique=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    note: Mapped[str] = mapped_column(String(400), default="")
    seen_at: Mapped[datetime] = mapped_column(Moment)
    reported_at: Mapped[datetime] = mapped_column(Moment)
    reported_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    witnesses: Mapped[list[str]] = mapped_column(JSON, default=list)
    escort: Mapped[str] = mapped_column(String(64), default="")
    back_at: Mapped[datetime | None] = mapped_column(Moment)
    back_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    back_check: Mapped[str] = mapped_column(String(12), default="")
    back_note: Mapped[str] = mapped_column(String(200), default="")


class ReportPhoto(Base):
    """A photo that came with a report: re-encoded without metadata, sealed; `sha256` is of the JPEG."""

    __tablename__ = "report_photos"
    __table_args__ = (UniqueConstraint("report_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("staff_reports.id"), index=True)
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    added_at: Mapped[datetime] = mapped_column(Moment)


class Case(Base):
    """A violation on its way to a decision; `state` is `server.rules.violations.CaseState`.

    `evidence` is the list as it stood when the facts were written down. `due_at`: until when the term of the
    present state runs. `outcome`: "" before the decision, then none | subject | all; a recheck that takes the
    decision back makes it none.
    """

    __tablename__ = "cases"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    state: Mapped[str] = mapped_column(String(12), index=True)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    opened_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    happened_at: Mapped[datetime] = mapped_column(Moment)
    facts: Mapped[str] = mapped_column(String(1000), default="")
    handling: Mapped[str] = mapped_column(String(400), default="")
    article: Mapped[str] = mapped_column(String(40), default="")
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    outcome: Mapped[str] = mapped_column(String(8), default="", index=True)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)


class CaseIncident(Base):
    """An incident that a case rests on."""

    __tablename__ = "case_incidents"

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), primary_key=True)


class CaseStep(Base):
    """One act in a case, never changed: who, with whom, when, and what was said (`data`)."""

    __tablename__ = "case_steps"
    __table_args__ = (UniqueConstraint("case_id", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    seq: Mapped[int]
    act: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class RegisterEntry(Base):
    """A decision that stands against a person for years or for ever (`until_at` empty).

    The person is found by the blind index of the ID number, also when the candidate's row is gone one day.
    """

    __tablename__ = "person_register"

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), unique=True)
    id_index: Mapped[str] = mapped_column(String(64), index=True)
    article: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(200))
    from_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime | None] = mapped_column(Moment)
    bars_certificate: Mapped[bool]
    lifted_at: Mapped[datetime | None] = mapped_column(Moment)
