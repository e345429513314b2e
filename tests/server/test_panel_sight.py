"""Who sits on a panel learns nothing of others' marks before the end, whatever other roles the account holds."""

import hashlib
import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.assessing import ScorePhoto, ScoreSheet
from server.db.people import UserRole
from server.errors import Refused
from server.host import Host
from server.services import panel_tasks, panel_views, sheet_photos
from server.services.sheet_photos import Announced
from tests.server.panel_kit import Desk, panel_desk, worth

SignIn = Callable[[Actor], FlaskClient]
OFFICE = (Role.EXAMINER, Role.SUPERVISOR, Role.SCORER, Role.MARK_CHECKER)


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as, candidates=2)


def with_roles(desk: Desk, who: Actor, *roles: Role) -> Actor:
    """The same person with more roles."""
    held = {Role(role) for role in who.roles}

    def put(session: Session) -> None:
        session.add_all(UserRole(user_id=who.user_id, role=str(role)) for role in set(roles) - held)

    desk.host.db.write(put)
    return Actor(who.user_id, who.name, frozenset(held | set(roles)))


def photographed(desk: Desk) -> int:
    """Three locked sheets of the first turn, one with a photo; its id."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(out, "JPEG")
    data, who = out.getvalue(), desk.stage.examiners[1]
    sha256 = hashlib.sha256(data).hexdigest()
    desk.stage.done(1)
    desk.send(who, 1, [{"act": "photo", "item": "2.1", "sha256": sha256}, *worth(80)])
    for each in (desk.stage.examiners[0], desk.stage.examiners[2]):
        desk.send(each, 1, worth(80))

    def sheet_of(session: Session) -> str:
        mine = ScoreSheet.turn_id == desk.stage.turn(1).id, ScoreSheet.user_id == who.user_id
        return session.scalars(select(ScoreSheet.uid).where(*mine)).one()

    photo = Announced(desk.keys[who.user_id or 0][0], desk.host.db.write(sheet_of), sha256)
    desk.write(sheet_photos.keep, who, photo, data)
    with desk.host.db.read() as session:
        return session.scalars(select(ScorePhoto.id)).one()


def test_a_photo_is_for_the_office_and_after_the_end_for_the_leader(desk: Desk, sign_in: SignIn) -> None:
    photo = photographed(desk)
    leader, member, scorer = map(sign_in, (desk.stage.leader, desk.stage.examiners[2], desk.scorer))
    own, office = f"/panels/own/photos/{photo}", f"/scoring/photos/{photo}"
    assert scorer.get(office).mimetype == "image/jpeg"
    assert [leader.get(own).status_code, member.get(own).status_code] == [409, 409]
    desk.end()
    assert leader.get(own).mimetype == "image/jpeg"
    assert own in leader.get(f"/panels/own/turns/{desk.stage.turn(1).id}").get_data(as_text=True)
    assert [member.get(own).status_code, leader.get(office).status_code] == [403, 403]


def test_a_member_who_is_also_staff_sees_no_photo_before_the_end(desk: Desk) -> None:
    photo = photographed(desk)
    both = with_roles(desk, desk.stage.examiners[2], Role.SUPERVISOR)
    with pytest.raises(Refused, match="panel_not_over"):
        desk.write(sheet_photos.view, both, photo)
    desk.end()
    with pytest.raises(Refused, match="panel_not_leader"):
        desk.write(sheet_photos.view, both, photo)


def test_a_member_who_is_also_staff_learns_of_no_arbitration_by_counts(desk: Desk) -> None:
    both = with_roles(desk, desk.stage.examiners[2], *OFFICE)
    desk.mark(1, 62, 58, 85, vetoes=(0,))
    desk.aggregate()
    with desk.host.db.read() as session:
        assert panel_tasks.waiting(session, both) == []
        assert panel_views.rooms(session, both) == []
        assert [line.arbitration for line in panel_views.rooms(session, desk.scorer)] == [1]
        assert [line.room_sitting for line in panel_views.own_rooms(session, both)] == [
            desk.stage.room_sitting
        ]
