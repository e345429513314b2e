"""A bank with items of every kind, an author who wrote them and a reviewer, for tests of their life."""

from dataclasses import dataclass, replace

from itembank.importing.media import MediumFile
from itembank.items import Item, ItemKind, Medium
from server.access import Actor
from server.db.bank import BankItem
from server.host import Host
from server.services import banks, item_life, item_media, item_versions
from server.services.signed import Signed
from tests.itembank.every_kind import ITEMS, PICTURE, SHA
from tests.server.preparing import CONSOLE

EVERY = {item.facts.kind: item for item in ITEMS}
SINGLE = EVERY[ItemKind.SINGLE]


@dataclass
class Shelf:
    """A bank, its author and its reviewer."""

    host: Host
    bank: int
    author: Actor
    reviewer: Actor

    def add(self, item: Item = SINGLE, *, uid: str = "", to: str = "draft") -> int:
        """Writes an item and takes it as far as `to`; its id."""
        item = replace(item, facts=replace(item.facts, uid=uid or item.facts.uid))
        if item.body.media:
            self.picture()
        item_id = self.host.db.write(item_versions.add, self.author, self.bank, item, now=self.host.now())
        for step in ("reviewed", "active")[: {"draft": 0, "reviewed": 1, "active": 2}[to]]:
            self.move(item_id, step)
        return item_id

    def picture(self) -> None:
        file = MediumFile(Medium(SHA, "image/png", len(PICTURE), 320, 200), PICTURE)
        self.host.db.write(item_media.add, self.author, self.bank, file, now=self.host.now())

    def move(self, item_id: int, to: str, who: Actor | None = None, reason: str = "") -> None:
        signed = Signed(who or self.reviewer, reason)
        with self.host.db.read() as session:
            row = session.get(BankItem, item_id)
            seen = row.version if row else 0
        self.host.db.write(item_life.move, signed, item_id, to, seen=seen, now=self.host.now())

    def change(self, item_id: int, item: Item, note: str = "") -> int:
        return self.host.db.write(item_versions.change, self.author, item_id, item, note, now=self.host.now())

    def row(self, item_id: int) -> BankItem:
        with self.host.db.read() as session:
            row = session.get_one(BankItem, item_id)
            session.expunge(row)
            return row


def reworded(item: Item = SINGLE, stem: str = "示例：交接班时必须（　）。", uid: str = "") -> Item:
    """The same item with another stem."""
    facts = replace(item.facts, uid=uid or item.facts.uid)
    return replace(item, facts=facts, body=replace(item.body, stem=stem))


def shelf(host: Host, person_as) -> Shelf:
    """An empty bank with its people."""
    bank = host.db.write(banks.create, CONSOLE, banks.new_bank("题库", "baowei", 3), now=host.now())
    return Shelf(host, bank, person_as("bank_keeper", name="编写人"), person_as("bank_keeper", name="审定人"))
