"""What a reader of a bank format is; the list of readers is in `pipeline`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from itembank.importing.cells import Sheet
from itembank.problems import Problem

HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "bank": "题库名称",
        "uid": "ID",
        "sequence": "序号",
        "point": "认定点代码",
        "kind": "题型代码",
        "number": "题号",
        "stem": "试题（题干）",
        **{f"option_{key}": f"试题（选项{key}）" for key in "ABCDEFGH"},
        "picture": "【图】及位置",
        "answer": "正确答案",
        "difficulty": "难度代码",
        "consistency": "一致性代码",
        "explanation": "解析",
        "importance": "重要程度",
        "source": "出处",
    }
)
"""Field of a raw item -> the heading under which people know it; reports name columns by it."""


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as the file has it: where it stands, and its fields by our names, untouched.

    Field names are the keys of `HEADINGS`. `faults` are what only the reader can see, such as a cell that a
    spreadsheet turned into a date; an item with faults is rejected.
    """

    place: str
    fields: Mapping[str, str]
    faults: tuple[Problem, ...] = ()

    def get(self, name: str) -> str:
        """A field's text, trimmed; empty when the file has none."""
        return self.fields.get(name, "").strip()


class BankReader(Protocol):
    """One layout of question-bank tables; further formats add a class and a line in `pipeline.READERS`."""

    name: str

    def sniff(self, sheets: Sequence[Sheet]) -> bool:
        """Whether the file is of this layout."""
        ...

    def read(self, sheets: Sequence[Sheet]) -> Iterator[RawItem]:
        """Every item row of every sheet of the layout, in order."""
        ...

    def warnings(self, sheets: Sequence[Sheet]) -> Iterator[Problem]:
        """What of the file is left out though it is not wrong: other sheets, other columns."""
        ...
