"""What one row of a bank table says: its fields by our names, untouched."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from itembank.problems import Problem

OPTION_COLUMNS = "ABCDEFGHIJ"
"""The options that may have a column of their own."""
LEVELS = 6  # 知识点一级 … 知识点六级
ANSWER_COLUMNS = 8  # 答案1 … 答案8

HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "bank": "题库名称",
        "uid": "ID",
        "sequence": "序号",
        "point": "认定点代码",
        "kind": "题型代码",
        "number": "题号",
        "stem": "试题（题干）",
        **{f"option_{key}": f"试题（选项{key}）" for key in OPTION_COLUMNS},
        "options": "选项",
        "picture": "【图】及位置",
        "answer": "正确答案",
        **{f"answer_{number}": f"答案{number}" for number in range(1, ANSWER_COLUMNS + 1)},
        "difficulty": "难度代码",
        "consistency": "一致性代码",
        "explanation": "解析",
        "importance": "重要程度",
        "source": "出处",
        "topic": "知识点",
        "chapter": "章节",
        **{f"level_{number}": f"知识点{name}级" for number, name in enumerate("一二三四五六", start=1)},
    }
)
"""Field of a raw item -> the heading under which people know it; reports name columns by it."""


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as the file has it: where it stands, and its fields by our names, untouched.

    Field names are the keys of `HEADINGS`. `faults` are what only the reader can see, such as a cell that a
    spreadsheet turned into a date; an item with faults is rejected. `pictures` are keys of a `Gallery`; texts
    mark where each belongs (`gallery.mark`). `label` is the row's number in a numbering of the file's own.
    """

    place: str
    fields: Mapping[str, str]
    faults: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    pictures: tuple[str, ...] = ()
    label: str = ""

    def get(self, name: str) -> str:
        """A field's text, trimmed; empty when the file has none."""
        return self.fields.get(name, "").strip()
