"""Who plans the components of a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.assessing import SheetTemplate
from server.db.bank import Bank
from server.db.sittings import RoomSitting, Sitting
from server.errors import Refused
from server.host import Host
from server.services import banks, batches, sitting_templates
from server.services.batches import BatchPlan, SittingPlan
from tests.server import preparing


@dataclass
class Office:
    """An administrator with a room and a batch."""

    host: Host
    who: Actor
    room: int
    batch: int

    def plan(self, component: str, method: str = "", **more: Any) -> int:
        """Plans a sitting a day after the last one; its room-in-sitting."""
        with self.host.db.read() as session:
            days = session.query(Sitting).count() + 1
        start, minutes = self.host.now() + timedelta(days=days), more.pop("minutes", Decimal(120))
        plan = SittingPlan(start, minutes, (self.room,), component=component, method=method, **more)
        (made,) = self.host.db.write(batches.add_sitting, self.who, self.batch, plan, now=self.host.now())
        return made

    def sitting(self, room_sitting: int) -> Sitting:
        with self.host.db.read() as session:
            return session.get_one(Sitting, session.get_one(RoomSitting, room_sitting).sitting_id)

    def choose(self, sitting: int, template: int) -> None:
        self.host.db.write(
            sitting_templates.choose_template, self.who, sitting, template, now=self.host.now()
        )

    def template(self, **facts: Any) -> int:
        """An approved template; `occupation` and `level` are those of its bank."""

        def store(session: Session) -> int:
            where = facts.pop("occupation", "baowei"), facts.pop("level", 2)
            new = banks.new_bank(f"题库 {session.query(Bank).count()}", *where, sample=True)
            bank = banks.create(session, self.who, new, now=self.host.now())
            given: dict[str, Any] = {
                "uid": f"template-{bank}",
                "version": 1,
                "bank_id": bank,
                "component": "practical",
                "title": "示例评分表",
                "minutes": Decimal(40),
                "state": "approved",
                "sealed": b"",
                "sha256": "0" * 64,
                "created_at": self.host.now(),
            }
            row = SheetTemplate(**{**given, **facts})
            session.add(row)
            session.flush()
            return row.id

        return self.host.db.write(store)


def office_of(host: Host, who: Actor, plan: BatchPlan) -> Office:
    batch = host.db.write(batches.create, who, plan, now=host.now())
    return Office(host, who, preparing.room(host, who), batch)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code
