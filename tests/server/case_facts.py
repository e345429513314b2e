"""Results and reports for the tests of cases."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select

from server.db.sittings import ComponentResult, Registration
from server.errors import Refused
from server.services import case_decisions
from server.services.case_decisions import Ruling
from tests.server.case_kit import CaseRoom


def refused(code: str, act: Callable[..., object], *args: object) -> Refused:
    with pytest.raises(Refused) as told:
        act(*args)
    assert told.value.code == code
    return told.value


def result(room: CaseRoom, seat: str = "1", total: str = "80", component: str = "theory") -> None:
    """The result of a candidate, as marking stores it."""

    def add(session) -> None:
        registration = session.scalar(
            select(Registration).where(Registration.ticket == room.scene.tickets[seat])
        )
        session.add(
            ComponentResult(
                room_sitting_id=room.scene.room_sitting,
                registration_id=registration.id,
                attempt_id=room.scene.attempts[seat],
                component=component,
                status="scored",
                total=Decimal(total),
                passed=True,
                sealed_marks=b"sealed",
                marked_at=room.host.now(),
            )
        )

    room.host.db.write(add)


def status(room: CaseRoom, seat: str = "1") -> tuple[str, Decimal | None, bool | None]:
    with room.host.db.read() as session:
        row = session.scalar(
            select(ComponentResult).where(ComponentResult.attempt_id == room.scene.attempts[seat])
        )
        return row.status, row.total, row.passed


def answer(room: CaseRoom, case: int, outcome: str) -> None:
    room.scene.write(case_decisions.answer_recheck, room.deputy, case, Ruling(outcome, "复核录像"))
