"""Scenario 13: a stolen disk shows nothing, and one administrator alone opens no paper."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from itembank.package import CustodianShare, ReleaseRefused, ReleaseRequest
from itembank.package import release as release_file
from itembank.sealing import SealBroken, new_key, suite_of
from itembank.vault import Vault, unwrap_data_key
from server.access import Actor
from server.db.bank import Bank, BankItem
from server.db.keys import DATA, VaultKey
from server.db.papers import Package
from server.db.sittings import Candidate, RoomSitting
from server.errors import Forbidden, Refused
from server.host import Host, open_host
from server.services import items, package_release, packages
from server.services.rosters import ID_PURPOSE
from server.settings import Settings
from tests.server import preparing
from tests.server.conftest import MASTER, Machine
from tests.server.holdings import Holdings, check, found, holdings


@pytest.fixture
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """An installation in the suite asked for."""
    return replace(settings, suite=getattr(request, "param", "intl"))


in_each_suite = pytest.mark.parametrize("settings", ["intl", "gm"], indirect=True)


@pytest.fixture
def held(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Holdings:
    return holdings(host, person_as, machine)


@pytest.fixture
def stolen(host: Host, held: Holdings, tmp_path: Path) -> Path:
    """The data folder as it lies on the disk of a server that runs."""
    return Path(shutil.copytree(host.settings.data, tmp_path / "stolen"))


@pytest.fixture
def thief(stolen: Path, settings: Settings) -> Iterator[Host]:
    """The stolen stores, with everything the program can do but the master key."""
    opened = open_host(replace(settings, data=stolen), MASTER)
    opened.db.vault = Vault(new_key())
    yield replace(opened, vault=opened.db.vault)
    opened.close()


@pytest.mark.dear
@in_each_suite
def test_scenario_13_a_stolen_data_folder_shows_no_item_answer_number_or_picture(
    host: Host, held: Holdings, stolen: Path, settings: Settings
) -> None:
    files = [path for path in stolen.rglob("*") if path.is_file()]
    assert {"examhall.db", "answers.db"} <= {path.name for path in files}
    assert len(files) > 3
    with host.db.read() as session:
        data_key = unwrap_data_key(MASTER, session.get_one(VaultKey, DATA).wrapped)
        bank = session.get_one(Bank, held.bank)
        assert (bank.suite, suite_of(bank.wrapped_key)) == (settings.suite, settings.suite)
    # The data key of an installation from before there were data keys is its first master key.
    keys = [host.vault.attempt_key(held.scene.attempts["1"]), MASTER, data_key]
    needles = held.sealed + keys + [key.hex().encode() for key in keys]
    for path in files:
        assert found(needles, path.read_bytes()) == [], path.name


def test_scenario_13_the_copy_opens_with_the_master_key_and_with_nothing_else(
    held: Holdings, stolen: Path, settings: Settings
) -> None:
    theirs = replace(settings, data=stolen)
    for guess in (b"\0" * 32, new_key(), MASTER[::-1]):
        with pytest.raises(Refused, match="keyfile_of_another"):
            open_host(theirs, guess)
    ours = open_host(theirs, MASTER)
    check(ours, held)
    ours.close()


@in_each_suite
def test_scenario_13_nothing_opens_one_by_one_either(thief: Host, held: Holdings) -> None:
    with thief.db.read() as session:
        bank = session.get_one(Bank, held.bank)
        for item in session.scalars(select(BankItem).where(BankItem.bank_id == bank.id)):
            with pytest.raises(SealBroken):
                thief.vault.open_item(bank.wrapped_key, item.uid, item.version, item.sealed_body)
        for person in session.scalars(select(Candidate)):
            with pytest.raises(SealBroken):
                thief.vault.open_value(ID_PURPOSE, person.id_index, person.sealed_id)
            # nor does the look-up tell whose number it is: all 18-digit numbers could be tried without the key
            assert thief.vault.index(ID_PURPOSE, "11010119900307109X") != person.id_index


class TestOneAdministrator:
    """With the running server, the own passphrase and every permission of the role."""

    @pytest.fixture
    def stage(self, host: Host, person_as: Callable[..., Actor]) -> preparing.Staged:
        return preparing.staged(host, person_as)

    @pytest.mark.dear
    def test_scenario_13_one_administrator_alone_cannot_open_a_paper(
        self, host: Host, stage: preparing.Staged
    ) -> None:
        mine = preparing.unlock(host, stage.crew.administrator)
        for other in (
            mine,
            replace(mine, actor=stage.crew.approver),
            replace(mine, actor=stage.crew.custodian),
        ):
            with pytest.raises(Refused) as caught:
                self.open(host, stage, (mine, other))
            assert caught.value.code in {"release_same_person", "release_wrong_share"}
        assert self.state(host, stage) == "arranged"
        with pytest.raises(Forbidden):
            host.db.write(items.read, stage.crew.administrator, 1, now=host.now())

    def test_scenario_13_two_people_of_different_roles_can(self, host: Host, stage: preparing.Staged) -> None:
        preparing.release(host, stage)
        assert self.state(host, stage) == "released"

    def test_scenario_13_not_even_with_the_data_key_and_the_stores(
        self, host: Host, stage: preparing.Staged
    ) -> None:
        """An administrator with the disk, the master key and the release secret still lacks the second share."""
        with host.db.read() as session:
            package = session.scalars(select(Package)).one()
            secret = host.vault.open_value(
                packages.SECRET_PURPOSE, package.uid, package.sealed_release_secret
            )
            room = session.get_one(RoomSitting, stage.room_sitting).uid
            data = package.data
        mine = preparing.unlock(host, stage.crew.administrator)
        me = CustodianShare(str(mine.actor.user_id), mine.private_key)
        for other in (stage.crew.custodian, stage.crew.chief):
            forged = CustodianShare(str(other.user_id), mine.private_key)
            asked = ReleaseRequest((me, forged), secret, room, host.now())
            with pytest.raises(ReleaseRefused, match="wrong_share"):
                release_file(data, host.site.public_key, asked)

    def open(self, host: Host, stage: preparing.Staged, holders: tuple) -> None:
        act = package_release.open_package
        host.db.write(act, stage.room_sitting, holders, host.site.public_key, now=host.now())

    def state(self, host: Host, stage: preparing.Staged) -> str:
        with host.db.read() as session:
            return session.get_one(RoomSitting, stage.room_sitting).state
