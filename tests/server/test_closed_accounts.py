"""Open monitors of a person end with the account, the session or the role; those of others stay."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO, SocketIOTestClient

from exam_rooms.protocol import NAMESPACE_MONITOR
from server.access import SYSTEM, Actor, Role
from server.app import create_socketio
from server.host import Host
from server.services import staff
from server.services.announcements import Said, announce
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def watch(
    app: Flask, scene: Scene, sign_in: Callable[[Actor], FlaskClient]
) -> Callable[[Actor], SocketIOTestClient]:
    """`watch(actor)`: an open monitor of that person."""
    socketio: SocketIO = create_socketio(app)

    def opened(who: Actor) -> SocketIOTestClient:
        auth = {"room": scene.room_sitting}
        return SocketIOTestClient(
            app, socketio, namespace=NAMESPACE_MONITOR, auth=auth, flask_test_client=sign_in(who)
        )

    return opened


def close(host: Host, who: Actor) -> None:
    host.db.write(staff.set_active, SYSTEM, who.user_id or 0, False, now=host.now())


def reset(host: Host, who: Actor) -> None:
    host.db.write(staff.reset_password, SYSTEM, who.user_id or 0, "hashed", now=host.now())


def leave(host: Host, who: Actor) -> None:
    host.db.write(staff.sign_out, who, now=host.now())


def degrade(host: Host, who: Actor) -> None:
    host.db.write(staff.set_roles, SYSTEM, who.user_id or 0, frozenset({Role.AUDITOR}), now=host.now())


@pytest.mark.parametrize("end", [close, reset, leave, degrade])
@pytest.mark.both_stores
def test_a_monitor_ends_with_its_person(
    host: Host,
    scene: Scene,
    watch: Callable[[Actor], SocketIOTestClient],
    end: Callable[[Host, Actor], None],
) -> None:
    one, other = watch(scene.staff[0]), watch(scene.staff[1])
    assert one.is_connected(NAMESPACE_MONITOR)
    end(host, scene.staff[0])
    assert not one.is_connected(NAMESPACE_MONITOR)
    assert other.is_connected(NAMESPACE_MONITOR)
    other.get_received(NAMESPACE_MONITOR)
    scene.write(announce, scene.staff[1], scene.room_sitting, Said("请坐好"))
    assert [event for event in other.get_received(NAMESPACE_MONITOR) if event["name"] == "activity"]


def test_another_role_that_may_look_keeps_the_monitor(
    host: Host, scene: Scene, watch: Callable[[Actor], SocketIOTestClient]
) -> None:
    who = scene.staff[0]
    open_monitor = watch(who)
    both = frozenset({Role.INVIGILATOR, Role.CHIEF_INVIGILATOR})
    host.db.write(staff.set_roles, SYSTEM, who.user_id or 0, both, now=host.now())
    assert open_monitor.is_connected(NAMESPACE_MONITOR)
