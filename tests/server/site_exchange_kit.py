"""Dispatches and results carried by hand between the two installations of a pair."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.host import Host
from server.services import (
    site_exchange,
    site_files,
    site_taking,
)
from tests.server.conftest import Machine
from tests.server.site_kit import Pair, desk, site_host


@contextmanager
def site_beside(request: pytest.FixtureRequest, folder: Path, machine: Machine, store: str) -> Iterator[Host]:
    """The site's installation on the kind of store that the test's authority has."""
    if not store:
        with site_host(folder, machine) as host:
            yield host
        return
    server = request.getfixturevalue("postgres")
    name = server.create()
    with site_host(folder, machine, server.url(name)) as host:
        yield host
    server.drop(name)


def sent(pair: Pair) -> bytes:
    made = site_exchange.make_dispatch(desk(pair.authority), pair.here[0], pair.order)
    with pair.authority.db.read() as session:
        return site_files.as_file(session, site_files.get(session, made.id))


def bring(pair: Pair, data: bytes) -> dict[str, object]:
    came = site_exchange.receive(desk(pair.site), pair.there[0], data)
    return site_taking.take_in(desk(pair.site), pair.at_site(), came.id)


def results(pair: Pair) -> bytes:
    made = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    with pair.site.db.read() as session:
        return site_files.as_file(session, site_files.get(session, made.id))


def take_back(pair: Pair, data: bytes) -> dict[str, object]:
    came = site_exchange.receive(desk(pair.authority), pair.here[0], data)
    return site_taking.take_in(desk(pair.authority), pair.signed(), came.id)
