"""A room that a panel assesses an hour before its start: the order drawn, three people hold keys, nothing sealed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from itembank.sheet_template import Template
from server.access import Actor, Role
from server.db.sittings import RoomSitting, Sitting
from server.host import Host
from server.services import package_release, package_sealing
from server.services.signed import Signed
from server.services.template_release import released_template
from tests.server import preparing
from tests.server.assessing_kit import Stage, make_assessment
from tests.server.preparing import unlock

MINUTES_AHEAD = 62
"""Two minutes before the release window opens."""


@dataclass
class Keyed(Stage):
    """The stage with its custodians."""

    custodian: Actor = field(default_factory=lambda: Actor(None, "nobody"))

    @property
    def keeper(self) -> Actor:
        """Somebody who may write templates."""
        return Actor(self.supervisor.user_id, "题库管理员", frozenset({Role.BANK_KEEPER}))

    def holders(self) -> dict[int, Role]:
        return {
            self.chief.user_id or 0: Role.CHIEF_INVIGILATOR,
            self.administrator.user_id or 0: Role.ADMINISTRATOR,
            self.custodian.user_id or 0: Role.CUSTODIAN,
        }

    def seal(self) -> int:
        key = self.host.site.signing_key.private_bytes_raw()
        signed = Signed(self.administrator, cosigner=self.chief)
        sealed: int = self.write(package_sealing.seal, signed, self.room_sitting, self.holders(), key)
        return sealed

    def release(self, *who: Actor) -> None:
        first, second = who or (self.chief, self.custodian)
        pair = (unlock(self.host, first), unlock(self.host, second))
        self.write(package_release.open_package, self.room_sitting, pair, self.host.site.public_key)

    def template_released(self) -> Template:
        with self.host.db.read() as session:
            return released_template(session, self.room_sitting)

    def change(self, **values: object) -> None:
        """Sets columns of the room's sitting, or of the sitting."""

        def put(session: Session) -> None:
            for name, value in values.items():
                model, key = (
                    (RoomSitting, self.room_sitting)
                    if hasattr(RoomSitting, name)
                    else (Sitting, self.sitting)
                )
                setattr(session.get_one(model, key), name, value)

        self.host.db.write(put)


def keyed_stage(host: Host, person_as: Callable[..., Actor]) -> Keyed:
    """Two candidates, three examiners, and the start so far ahead that the window is still closed."""
    made = make_assessment(host, person_as, state="arranged", candidates=2)
    stage = Keyed(**vars(made), custodian=person_as("custodian"))
    preparing.give_keys(host, stage.chief, stage.administrator, stage.custodian)
    stage.change(starts_at=host.now() + timedelta(minutes=MINUTES_AHEAD))
    return stage
