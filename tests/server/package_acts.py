"""Acts on a room's package for the tests, and what the record says of them."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from server.db.record import AuditEntry
from server.errors import Refused
from server.host import Host
from server.services import package_release, package_swap
from server.services.signed import Signed
from tests.server.package_kit import Vaulted


def refused(act: Callable[..., object], *args: object, **named: object) -> Refused:
    with pytest.raises(Refused) as caught:
        act(*args, **named)
    return caught.value


def code_of(act: Callable[..., object], *args: object, **named: object) -> str:
    return refused(act, *args, **named).code


def entries(host: Host, act: str) -> list[AuditEntry]:
    with host.db.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == act).order_by(AuditEntry.id)))


def issue(stage: Vaulted, signed: Signed | None = None, room: int | None = None) -> str:
    who = signed or Signed(stage.crew.administrator, "", stage.crew.chief)
    return stage.host.db.write(package_release.issue_code, who, room or stage.room, now=stage.host.now())


def swap(stage: Vaulted, signed: Signed | None = None, room: int | None = None) -> int:
    who, now = signed or stage.two, stage.host.now()
    return stage.host.db.write(package_swap.swap_room, who, room or stage.room, now=now)
