"""A standby's copies become the stores, whatever was cut off on the way."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from server.errors import Refused
from server.jobs import litestream, promotion
from server.jobs.inbox import Inbox
from server.jobs.primary import Pairing, save_pairing
from server.services.shipping import STORES, Outbox
from server.settings import Settings
from tests.server.shipping_kit import until


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a standby that has both stores and follows nobody."""
    folder = tmp_path_factory.mktemp("fed")
    first = Settings.load({"EXAMHALL_DATA": str(folder / "primary"), "EXAMHALL_PLAIN_HTTP": "1"})
    inbox = Inbox(replace(first, data=folder / "standby"))
    inbox.root.mkdir(parents=True)
    inbox.begin("a lineage")
    outbox = Outbox(first)
    children = []
    try:
        first.data.mkdir()
        for file in STORES.values():
            with closing(sqlite3.connect(first.data / file)) as store:
                store.executescript("PRAGMA journal_mode=WAL; CREATE TABLE word (said)")
                store.execute("INSERT INTO word VALUES ('kept')")
                store.commit()
        children.append(litestream.replicate(first, outbox.root))
        until(lambda: all(outbox.after(store, 0) for store in STORES))
        for store in STORES:
            for shipment in outbox.after(store, 0):
                inbox.put(store, shipment, iter([outbox.path(store, shipment).read_bytes()]))
            children.append(litestream.follow(inbox.folder(store), inbox.copy(store)))
        until(lambda: all(inbox.applied(store) for store in STORES))
    finally:
        for child in children:
            litestream.end(child)
    return inbox.root.parent


class TestPromotion:
    @pytest.fixture
    def standby(self, fed: Path, tmp_path: Path) -> Settings:
        shutil.copytree(fed, tmp_path / "data")
        return Settings.load({"EXAMHALL_DATA": str(tmp_path / "data"), "EXAMHALL_PLAIN_HTTP": "1"})

    @staticmethod
    def said(standby: Settings) -> list[list[tuple[str]]]:
        found = []
        for file in STORES.values():
            with closing(sqlite3.connect(standby.data / file)) as store:
                found.append(store.execute("SELECT said FROM word").fetchall())
        return found

    def test_the_copies_become_the_stores(self, standby: Settings) -> None:
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]
        assert promotion.was_promoted(standby)

    def test_what_was_fetched_and_not_applied_is_applied_first(self, standby: Settings) -> None:
        for store in STORES:
            copy = Inbox(standby).copy(store)
            copy.unlink()
            copy.with_name(f"{copy.name}-txid").unlink()
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]

    def test_cut_off_between_the_two_stores_it_is_finished_by_the_next(self, standby: Settings) -> None:
        inbox = Inbox(standby)
        (inbox.root / "promoting").touch()
        inbox.copy("main").replace(standby.data / "examhall.db")
        promotion.promote(standby)
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]

    def test_a_damaged_copy_is_refused(self, standby: Settings) -> None:
        copy = Inbox(standby).copy("main")
        data = bytearray(copy.read_bytes())
        data[4096 : 4096 + 200] = b"\xff" * 200
        copy.write_bytes(data)
        with pytest.raises(Refused, match="standby_copy_broken"):
            promotion.promote(standby)
        assert not (standby.data / "examhall.db").exists()

    def test_a_folder_with_stores_of_its_own_is_left_alone(self, standby: Settings) -> None:
        (standby.data / "answers.db").touch()
        with pytest.raises(Refused, match="standby_has_stores"):
            promotion.promote(standby)

    def test_the_copy_before_takes_over_until_another_outbox_is_whole(self, standby: Settings) -> None:
        Inbox(standby).begin("begun")
        Inbox(standby).begin("begun again")
        promotion.promote(standby)
        assert self.said(standby) == [[("kept",)], [("kept",)]]

    @pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
    def test_the_log_of_a_store_that_was_moved_away_is_not_written_into_the_copy(
        self, standby: Settings, suffix: str
    ) -> None:
        (standby.data / f"examhall.db{suffix}").touch()
        with pytest.raises(Refused, match="standby_has_stores"):
            promotion.promote(standby)

    def test_nobody_serves_before_the_next_epoch_was_begun(self, standby: Settings) -> None:
        assert not promotion.stands_by(standby), "not paired"
        save_pairing(standby, Pairing("https://10.0.0.2:8443", 1, "token", ""))
        assert promotion.stands_by(standby) and not promotion.cut_off(standby)
        promotion.promote(standby)
        assert promotion.stands_by(standby) and promotion.cut_off(standby)
        promotion.reign(standby)
        assert not promotion.stands_by(standby)
        promotion.tidy(standby)
        assert not promotion.stands_by(standby) and not promotion.cut_off(standby)

    def test_a_standby_that_has_nothing_yet_cannot_take_over(self, standby: Settings) -> None:
        shutil.rmtree(standby.data / "standby")
        Inbox(standby).begin("begun")
        with pytest.raises(Refused, match="standby_empty"):
            promotion.promote(standby)

    def test_a_start_prunes_what_the_copy_holds(self, standby: Settings) -> None:
        inbox = Inbox(standby)
        have = {store: inbox.have(store) for store in STORES}
        for store in STORES:
            inbox.prune(store)
            assert inbox.waiting(store) == []
        assert {store: inbox.have(store) for store in STORES} == have
