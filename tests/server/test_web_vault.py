"""The keys' page: who sees it, what it shows, and a bank's change begun by two and followed to its end."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from flask.testing import FlaskClient

from itembank.vault import key_name
from server.access import Actor
from server.db.bank import Bank
from server.db.keys import BankRotation
from server.host import Host
from server.services import rotation
from server.web import vault as page
from tests.server.conftest import MASTER
from tests.server.test_rotation import everything, fill


@pytest.fixture
def filled(host: Host, now: datetime) -> int:
    return host.db.write(fill, host, now)


@pytest.fixture
def administrator(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("administrator")


@pytest.fixture
def keeper(person_as: Callable[..., Actor]) -> Actor:
    return person_as("bank_keeper", username="keeper", name="王敏")


@pytest.fixture
def asked(keeper: Actor, password: str) -> dict[str, str]:
    """A form as the second person filled it in."""
    fields = {"suite": "gm", "reason": "每年更换"}
    return fields | {"cosign_username": "keeper", "cosign_password": password}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The work of a change is not done; which changes were to begin."""
    begun: list[int] = []
    monkeypatch.setattr(page, "begin_thread", lambda _desk, number: begun.append(number))
    yield begun


def bank_of(host: Host, bank_id: int) -> Bank:
    with host.db.read() as session:
        return session.get_one(Bank, bank_id)


def test_it_shows_suites_and_ages_and_no_key(
    host: Host, administrator: FlaskClient, filled: int, machine
) -> None:
    machine.advance(days=3)
    text = administrator.get("/vault").text
    assert key_name(MASTER) in text
    assert "国际（AES-256-GCM）" in text
    assert re.search(r'<td class="right num">3</td>', text)
    assert MASTER.hex() not in text
    assert bank_of(host, filled).wrapped_key.hex() not in text


@pytest.mark.parametrize("role", ["bank_keeper", "custodian", "chief_invigilator", "invigilator", "auditor"])
def test_nobody_but_an_administrator_sees_it(client_as: Callable[..., FlaskClient], role: str) -> None:
    client = client_as(role)
    assert client.get("/vault").status_code == 403
    assert client.post("/vault/banks/1/rotate").status_code == 403
    assert "/vault" not in client.get("/").text


def test_a_change_begun_by_two_runs_to_its_end(
    host: Host, administrator: FlaskClient, filled: int, asked: dict[str, str]
) -> None:
    answer = administrator.post(f"/vault/banks/{filled}/rotate", data=asked)
    assert (answer.status_code, answer.location) == (302, "/vault")
    end = time.monotonic() + 60
    while bank_of(host, filled).next_key is not None:
        assert time.monotonic() < end
        time.sleep(0.02)
    everything(host, filled)
    assert "国密（SM4-GCM）" in administrator.get("/vault").text
    with host.db.read() as session:
        row = session.query(BankRotation).one()
    assert (row.to_suite, row.cosigned_by is None) == ("gm", False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cosign_password": ""}, "请填写复核人"),
        ({"cosign_password": "not the word"}, "账号或密码不正确"),
        ({"cosign_username": "administrator1"}, "复核人必须是另一个人"),
        ({"suite": "rot13"}, "没有密码套件"),
    ],
)
def test_what_is_missing_is_told_and_nothing_begins(
    host: Host,
    client_as: Callable[..., FlaskClient],
    filled: int,
    asked: dict[str, str],
    held: list[int],
    change: dict[str, str],
    sentence: str,
) -> None:
    client = client_as("administrator", username="administrator1")
    answer = client.post(f"/vault/banks/{filled}/rotate", data=asked | change)
    assert (answer.status_code, sentence in answer.text, held) == (422, True, [])
    assert bank_of(host, filled).next_key is None


def test_an_invigilator_cannot_co_sign(
    administrator: FlaskClient, person_as: Callable[..., Actor], filled: int, asked: dict[str, str]
) -> None:
    person_as("invigilator", username="watcher", name="赵亮")
    answer = administrator.post(f"/vault/banks/{filled}/rotate", data=asked | {"cosign_username": "watcher"})
    assert (answer.status_code, "赵亮 没有复核这项操作的权限" in answer.text) == (422, True)


def test_progress_is_followed_and_then_the_page_loads_again(
    host: Host, administrator: FlaskClient, filled: int, asked: dict[str, str], held: list[int]
) -> None:
    administrator.post(f"/vault/banks/{filled}/rotate", data=asked)
    with host.db.read() as session:
        step = rotation.next_step(session, held[0])
    host.db.write(rotation.store, rotation.reseal(host.vault, step))
    shown = administrator.get("/vault").text
    assert "更换中" in shown
    assert "administrator" in shown
    assert "王敏" in shown
    assert 'popovertarget="rotate-' not in shown  # not twice at once
    part = administrator.get("/vault/progress")
    assert ('value="32"' in part.text, "hx-trigger" in part.text) == (True, True)
    assert "HX-Refresh" not in part.headers
    with host.db.read() as session:
        while (step := rotation.next_step(session, held[0])) is not None:
            host.db.write(rotation.store, rotation.reseal(host.vault, step))
            session.rollback()
    host.db.write(rotation.end_round, held[0], now=host.now())
    host.db.write(rotation.end_round, held[0], now=host.now())
    over = administrator.get("/vault/progress")
    assert (over.headers.get("HX-Refresh"), "hx-trigger" in over.text) == ("true", False)


def test_an_empty_installation_says_so(administrator: FlaskClient) -> None:
    assert "还没有题库" in administrator.get("/vault").text


def test_a_bank_that_is_not_there_is_not_found(
    administrator: FlaskClient, asked: dict[str, str], held: list[int]
) -> None:
    assert administrator.post("/vault/banks/999/rotate", data=asked).status_code == 404
