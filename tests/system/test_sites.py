"""Two sites and an authority in network namespaces; one site's link is down during the whole exam.

Without root the three use loopback and a link that is down is an address where nobody listens.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from itembank.keyfile import KeyFile
from server.access import Actor, Role
from server.db.sites import SiteFile
from server.host import Host
from server.services import site_exchange
from server.services.unlocked import keep_unlocked
from tests.server.conftest import Machine
from tests.server.site_kit import (
    add_person,
    desk,
    hold_exam,
    make_pair,
    master_of,
    rows,
    second_pair,
    site_host,
    site_settings,
)

PORT = 18443
EXAMHALL = str(Path(sys.executable).with_name("examhall"))

CONSOLE = """
import json, os, sys
from click.testing import CliRunner
from server.cli import main
for line in sys.stdin:
    variables, words = json.loads(line)
    os.environ.update(variables)
    done = CliRunner().invoke(main, words)
    sys.stdout.write(json.dumps([done.exit_code, done.output]) + "\\n")
    sys.stdout.flush()
"""
"""A console that stays open: a process of its own for every command would only load the same modules."""


@dataclass
class Net:
    """Three machines with a line from each site to the authority."""

    spaces: bool
    names: dict[str, str] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)

    def prefix(self, who: str) -> list[str]:
        return ["ip", "netns", "exec", self.names[who]] if self.spaces else []

    def address(self, who: str) -> str:
        if not self.spaces:
            return f"https://127.0.0.1:{9 if who in self.cut else PORT}"
        return f"https://10.213.{who[-1]}.1:{PORT}"

    def link(self, who: str, *, up: bool) -> None:
        (self.cut.discard if up else self.cut.add)(who)
        if self.spaces:
            _ip("-n", self.names[who], "link", "set", "line", "up" if up else "down")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net(False, {who: f"eh{os.getpid()}{who[-1]}" for who in ("authority0", "site1", "site2")})
    try:
        for name in made.names.values():
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        for number in "12":
            hub, site = made.names["authority0"], made.names[f"site{number}"]
            _ip(
                "-n", site, "link", "add", "line", "type", "veth", "peer", "name", f"to{number}", "netns", hub
            )
            _ip("-n", hub, "addr", "add", f"10.213.{number}.1/30", "dev", f"to{number}")
            _ip("-n", hub, "link", "set", f"to{number}", "up")
            _ip("-n", site, "addr", "add", f"10.213.{number}.2/30", "dev", "line")
            _ip("-n", site, "link", "set", "line", "up")
        made.spaces = True
    except (OSError, subprocess.CalledProcessError):
        made.spaces = False
    yield made
    for name in made.names.values():
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@dataclass
class Place:
    """One installation on disk and the variables of its processes."""

    who: str
    number: int
    folder: Path
    net: Net
    console: "subprocess.Popen[str] | None" = None

    @property
    def variables(self) -> dict[str, str]:
        bind = "0.0.0.0" if self.net.spaces else "127.0.0.1"
        own = {"EXAMHALL_PLAIN_HTTP": "", "EXAMHALL_BIND": f"{bind}:{PORT}"}
        if self.who != "authority0":
            own |= {"EXAMHALL_ROLE": "site", "EXAMHALL_AUTHORITY": self.net.address(self.who)}
        return own

    def environment(self) -> dict[str, str]:
        folder = self.folder
        mine = {"EXAMHALL_DATA": str(folder / "data"), "EXAMHALL_UNLOCKED": str(folder / "unlocked")}
        return {**os.environ, **mine, **self.variables}  # noqa: TID251 - of the child

    def unlock(self) -> None:
        settings = site_settings(self.folder, **self.variables)
        keep_unlocked(settings, KeyFile(master_of(self.number), demo=True))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command at this place's console."""
        if self.console is None:
            self.console = subprocess.Popen(
                [*self.net.prefix(self.who), sys.executable, "-c", CONSOLE],
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.console.stdin is not None and self.console.stdout is not None
        self.console.stdin.write(json.dumps([self.variables, words]) + "\n")
        self.console.stdin.flush()
        code, out = json.loads(self.console.stdout.readline())
        return subprocess.CompletedProcess(words, code, out, out)

    def leave(self) -> None:
        if self.console is not None and self.console.stdin is not None:
            self.console.stdin.close()
            self.console.wait(60)

    def told(self, *words: str) -> dict[str, object]:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))


def _people(host: Host, counter: dict[str, int]) -> "object":
    def add(*roles: str) -> Actor:
        counter[roles[0]] = counter.get(roles[0], 0) + 1
        return add_person(host, f"{roles[0]}{counter[roles[0]]}", *map(Role, roles))

    return add


@pytest.mark.system
@pytest.mark.walk
def test_a_site_without_a_link_from_before_the_start_to_after_the_end(net: Net, tmp_path: Path) -> None:
    places = {
        who: Place(who, number, tmp_path / who, net)
        for number, who in enumerate(("authority0", "site1", "site2"))
    }
    machine = Machine(wall=datetime.now(UTC) - timedelta(hours=4))

    def opened(stack: ExitStack, who: str) -> Host:
        place = places[who]
        return stack.enter_context(site_host(place.folder, machine, number=place.number, **place.variables))

    with ExitStack() as stack:
        hosts = {who: opened(stack, who) for who in places}
        authority = hosts["authority0"]
        first = make_pair(authority, hosts["site1"], machine, _people(authority, {}))  # type: ignore[arg-type]
        second = second_pair(first, hosts["site2"], machine)
        for pair in (first, second):
            assert site_exchange.make_dispatch(desk(authority), pair.here[0], pair.order).fresh
    for place in places.values():
        place.unlock()
    server = subprocess.Popen(
        [*net.prefix("authority0"), EXAMHALL, "serve"],
        env=places["authority0"].environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _held(net, places, (first, second), machine, opened)
    finally:
        server.terminate()
        server.wait(60)
        for place in places.values():
            place.leave()
    with ExitStack() as stack:
        authority = opened(stack, "authority0")
        for pair, seats, records in ((first, "123", 13), (second, "4", 7)):
            pair.authority = authority
            pair.scene.host = authority
            assert pair.scene.room_row().state == "collected"
            found = [authority.answers.events(pair.scene.attempts[seat]) for seat in seats]
            assert sum(map(len, found)) == records
        states = {row.uid: row.state for row in rows(authority, SiteFile) if row.incoming}
        assert sorted(states.values()) == ["taken", "taken"]


def _held(net, places, pairs, machine, opened) -> None:  # type: ignore[no-untyped-def]
    one, two, authority = places["site1"], places["site2"], places["authority0"]
    _until(lambda: one.run("site", "pull", "--json").returncode == 0)
    assert two.told("site", "pull")["dispatches"] == 1
    net.link("site2", up=False)
    for pair, right in zip(pairs, ({"1": 5, "2": 2}, {"4": 3}), strict=True):
        with ExitStack() as stack:
            pair.site = opened(stack, "site1" if pair is pairs[0] else "site2")
            hold_exam(pair, right)
    for place in (one, two):
        assert place.run("site", "results", "--out", str(place.folder)).returncode == 0
    assert int(str(one.told("site", "push")["parts_out"])) >= 1
    assert two.run("site", "push").returncode == 1
    net.link("site2", up=True)
    _until(lambda: two.run("site", "push", "--json").returncode == 0)
    _until(lambda: two.told("site", "push")["results"] == 1)
    assert two.told("site", "push") == {"dispatches": 0, "parts_in": 0, "parts_out": 0, "results": 0}
    (file,) = two.folder.glob("*.exsf")
    (told,) = {json.dumps(authority.told("authority", "collect", str(file))) for _twice in range(2)}
    assert json.loads(told)["attempts"] == 1
    torn = bytearray(file.read_bytes())
    torn[-100] ^= 1
    bad = two.folder / "torn.bin"
    bad.write_bytes(torn)
    assert authority.run("authority", "collect", str(bad)).returncode == 1


def _until(good, seconds: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end
        time.sleep(0.3)
