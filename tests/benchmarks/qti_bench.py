"""What reading a QTI package of 2,000 items costs, beside unzipping and parsing alone: `make bench-qti`."""

import io
import sys
import time
import zipfile
from collections.abc import Callable

from lxml import etree

from itembank.exporting.qti import export_qti21, export_qti30
from itembank.importing.pipeline import read_bank
from itembank.items import Item, ItemBody, ItemFacts, ItemKind, Markup, Option
from itembank.richtext import from_plain

ITEMS = 2_000
TIMES = 3
AIM_SECONDS = 1.0


def bank(size: int) -> list[Item]:
    """Choices with four options of usual length; every fifth item is HTML."""
    return [_item(number) for number in range(size)]


def _item(number: int) -> Item:
    markup = Markup.HTML if number % 5 == 0 else Markup.PLAIN
    stem = f"第 {number} 题：单位内部发生火灾时，保卫人员首先应当采取的措施是（　　）。"
    options = tuple(
        Option(key, f"{key}{number}：立即报警并组织人员疏散，同时向主管部门报告") for key in "ABCD"
    )
    text = f"<p>{from_plain(stem)}<strong>注意</strong></p>" if markup is Markup.HTML else stem
    facts = ItemFacts(f"B-{number}", "A-B-C-001", ItemKind.SINGLE, 3, 3, "X", False)
    return Item(facts, ItemBody(text, options, ("ABCD"[number % 4],), "依据相关规定。", markup=markup))


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of the best of some runs."""
    best = float("inf")
    for _ in range(TIMES):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def parse_only(data: bytes) -> None:
    """Unzips and parses every part: what no reader can be quicker than."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for name in package.namelist():
            etree.fromstring(package.read(name), etree.XMLParser(resolve_entities=False, no_network=True))


def main() -> int:
    """Prints one line a version; 1 when the aim is missed."""
    items, missed = bank(ITEMS), False
    for version, export in (("2.1", export_qti21), ("3.0", export_qti30)):
        start = time.process_time()
        data = export(items, {}, "bench").data
        written = time.process_time() - start
        assert len(read_bank(data, "bench.zip").items) == ITEMS
        floor, checked = (
            seconds(lambda data=data: parse_only(data)),
            seconds(lambda data=data: read_bank(data, "b.zip")),
        )
        told = f"{checked:.2f} s CPU (unzip and parse alone {floor:.2f} s); written in {written:.2f} s"
        sys.stdout.write(f"QTI {version}: {ITEMS} items checked in {told}\n")
        missed |= checked > AIM_SECONDS
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
