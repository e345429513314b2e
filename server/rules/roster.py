"""The candidates of a sitting out of a roster's sheets: every row right, or every fault with its place."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from exam_rooms.admission import clean_ticket
from exam_rooms.identity import IdNumber, check_id_number, mask_id
from itembank.importing.cells import CellKind, Row, Sheet
from itembank.problems import Param, Problem
from server.rules.accommodation import NOTE_LIMIT, Extra, extra_fault
from server.rules.columns import Columns, find_columns

NAME_LIMIT = 50  # characters; the longest names in registers have about forty
EMPLOYER_LIMIT = 120
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("姓名", "考生姓名", "name"),
    "id": ("身份证号", "身份证号码", "证件号码", "证件号", "公民身份号码", "身份证", "idnumber"),
    "employer": ("单位", "工作单位", "单位名称", "所在单位", "employer"),
    "ticket": ("准考证号", "准考证号码", "准考证", "ticket"),
    "photo": ("照片", "照片文件", "照片文件名", "photo"),
    "extra": ("加时", "延长时间", "加时长", "extratime"),
    "print": ("大字版", "大字", "largeprint"),
    "own_room": ("单独考场", "单独安排考场", "ownroom"),
    "approval": ("依据", "批准文号", "审批依据", "便利依据", "approval"),
    "licence": ("保安员证编号", "保安员证号", "保安员证", "licence"),
    "licence_on": ("发证日期", "保安员证发证日期", "签发日期", "licencedate"),
    "number": ("序号", "编号", "no"),
}
NEEDED = ("name", "id")
_TICKET = re.compile(r"[0-9A-Z]{4,24}")
_EXTRA = re.compile(r"(?P<number>[0-9]{1,3}(?:\.[0-9]{1,2})?)(?P<unit>%|分钟|分|minutes|min)")
LICENCE_NUMBER = r"[0-9A-Za-z\u4e00-\u9fff()（）-]{4,40}"
"""What the number of a 保安员证 may look like."""
_DAY = re.compile(r"(?P<y>[0-9]{4})[-/.年](?P<m>[0-9]{1,2})[-/.月](?P<d>[0-9]{1,2})日?(?:[ T]00:00(?::00)?)?")
_YES, _NO = (
    frozenset({"是", "有", "1", "y", "yes", "true", "√"}),
    frozenset({"", "否", "无", "0", "n", "no", "false"}),
)
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+")  # what spreadsheets save into CSV
_INNER_BLANK = re.compile(r"(?<=[^\x00-\x7f])\s+(?=[^\x00-\x7f])")
_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・･·", "·"))
_NAME_MARKS = frozenset(" ·-'’()（）.")
_LOST = frozenset("?？□\ufffd")


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One candidate. `ticket` empty: the server gives one. `place`: where the row stands in the file.

    `licence`, `licence_on`: number and day of issue of a 保安员证, for exemptions.
    """

    place: str
    name: str
    id_number: str
    employer: str = ""
    ticket: str = ""
    photo: str = ""
    extra: Extra = field(default_factory=Extra)
    large_print: bool = False
    approval: str = ""
    own_room: bool = False
    licence: str = ""
    licence_on: date | None = None


@dataclass(slots=True)
class RosterReading:
    """What a roster says. With any problem the roster is not to be used; warnings are for a look."""

    entries: list[RosterEntry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def read_roster(sheets: Sequence[Sheet], *, today: date | None = None) -> RosterReading:
    """The candidates of the first sheet that has the headings. With `today`, later births are faults."""
    reading = RosterReading()
    columns = find_columns(sheets, COLUMNS, NEEDED)
    if columns is None or not all(each in columns.at for each in NEEDED):
        reading.problems.extend(_missing(columns))
        return reading
    reading.warnings.extend(_other_columns(columns))
    reader = _Roster(columns, reading, today)
    for row in columns.rows():
        reader.take(row)
    if not columns.rows():
        reading.problems.append(Problem("roster_without_rows", columns.sheet.name))
    return reading


def _missing(columns: Columns | None) -> list[Problem]:
    if columns is None:
        return [Problem("roster_no_header", "", {"columns": "、".join(COLUMNS[each][0] for each in NEEDED)})]
    place = columns.place(columns.header)
    lacking = [COLUMNS[each][0] for each in NEEDED if each not in columns.at]
    return [Problem("heading_missing", place, {"column": column}) for column in lacking]


def _other_columns(columns: Columns) -> list[Problem]:
    place = columns.place(columns.header)
    ignored = [Problem("heading_ignored", place, {"column": column}) for column in columns.unknown]
    return ignored + [Problem("heading_repeated", place, {"column": column}) for column in columns.repeated]


@dataclass(slots=True)
class _Roster:
    """Takes rows one by one and remembers what must not come twice."""

    columns: Columns
    reading: RosterReading
    today: date | None
    ids: dict[str, str] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)

    def take(self, row: Row) -> None:
        """One candidate, or the problems of the row."""
        before = len(self.reading.problems)
        entry = RosterEntry(
            place=self.columns.place(row),
            name=self._name(row),
            id_number=self._id(row),
            employer=self._employer(row),
            ticket=self._ticket(row),
            photo=self.columns.text(row, "photo"),
            extra=self._extra(row),
            large_print=self._ticked(row, "print"),
            approval=self._approval(row),
            own_room=self._ticked(row, "own_room"),
            **self._licence(row),
        )
        if (entry.extra or entry.large_print or entry.own_room) and not entry.approval:
            self._unproven(row)
        if len(self.reading.problems) == before:
            self.reading.entries.append(entry)

    def _fault(self, code: str, row: Row, field_name: str, **params: Param) -> None:
        column = self.columns.heading[field_name]
        place = self.columns.place(row)
        self.reading.problems.append(Problem(code, place, {"column": column, **params}))

    def _is_number(self, row: Row, field_name: str) -> bool:
        """Whether the cell holds a number or a day: a spreadsheet has then dropped zeros or digits."""
        return row.kind(self.columns.at[field_name]) in (CellKind.NUMBER, CellKind.DATE, CellKind.BOOL)

    def _name(self, row: Row) -> str:
        name = clean_name(self.columns.text(row, "name"))
        fault = name_fault(name)
        if fault is not None:
            self._fault(fault, row, "name", value=name[:NAME_LIMIT], limit=NAME_LIMIT)
        return name

    def _id(self, row: Row) -> str:
        text = self.columns.text(row, "id")
        if text and (self._is_number(row, "id") or _SCIENTIFIC.fullmatch(text)):
            self._fault("id_as_number", row, "id")
            return ""
        checked = check_id_number(text, today=self.today)
        if not isinstance(checked, IdNumber):
            self._fault(str(checked), row, "id", value=mask_id(text))
            return ""
        self._once(checked.text, self.ids, "id_twice", row)
        return checked.text

    def _ticket(self, row: Row) -> str:
        text = clean_ticket(self.columns.text(row, "ticket"))
        if not text:
            return ""
        if self._is_number(row, "ticket"):
            self._fault("ticket_as_number", row, "ticket")
        elif not _TICKET.fullmatch(text):
            self._fault("ticket_shape", row, "ticket", value=text[:40])
        else:
            self._once(text, self.tickets, "ticket_twice", row)
        return text

    def _extra(self, row: Row) -> Extra:
        """A share of the test (30%) or minutes (27分钟); a spreadsheet makes 0.3 of 30%: a unit is needed."""
        text = "".join(unicodedata.normalize("NFKC", self.columns.text(row, "extra")).lower().split())
        if text in {"", "无", "否", "0"}:
            return Extra()
        found = _EXTRA.fullmatch(text)
        if found is None:
            self._fault("extra_time_shape", row, "extra", value=text[:20])
            return Extra()
        number = Decimal(found["number"])
        extra = Extra(percent=number) if found["unit"] == "%" else Extra(minutes=number)
        fault = extra_fault(extra)
        if fault:
            self._fault(fault, row, "extra", value=text[:20])
        return extra

    def _ticked(self, row: Row, field_name: str) -> bool:
        text = self.columns.text(row, field_name).lower()
        if text not in _YES | _NO:
            self._fault("not_yes_or_no", row, field_name, value=text[:20])
        return text in _YES

    def _approval(self, row: Row) -> str:
        text = " ".join(self.columns.text(row, "approval").split())
        if len(text) > NOTE_LIMIT:
            self._fault("cell_too_long", row, "approval", limit=NOTE_LIMIT)
        return text

    def _licence(self, row: Row) -> dict[str, Any]:
        """A licence's number and day of issue: both, or neither."""
        number = "".join(self.columns.text(row, "licence").split())
        day = self.columns.text(row, "licence_on")
        if not number and not day:
            return {}
        issued_on = _day(day)
        if issued_on is None or not re.fullmatch(LICENCE_NUMBER, number):
            self.reading.problems.append(Problem("licence_incomplete", self.columns.place(row)))
        return {"licence": number, "licence_on": issued_on}

    def _unproven(self, row: Row) -> None:
        """Extra time, large print or a room of one's own that nobody has approved."""
        column = self.columns.heading.get("approval", COLUMNS["approval"][0])
        self.reading.problems.append(
            Problem("approval_missing_in_row", self.columns.place(row), {"column": column})
        )

    def _once(self, value: str, known: dict[str, str], code: str, row: Row) -> None:
        first = known.setdefault(value, self.columns.place(row))
        if first != self.columns.place(row):
            self._fault(code, row, "id" if known is self.ids else "ticket", first=first)

    def _employer(self, row: Row) -> str:
        employer = " ".join(self.columns.text(row, "employer").split())
        if len(employer) > EMPLOYER_LIMIT:
            self._fault("cell_too_long", row, "employer", limit=EMPLOYER_LIMIT)
        return employer


def _day(text: str) -> date | None:
    found = _DAY.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        return None


def clean_name(text: str) -> str:
    """A name without padding: "张　三" is 张三; the many dots of transcribed names become one kind.

    Characters are never folded otherwise: a rare variant is the name's own.
    """
    return " ".join(_INNER_BLANK.sub("", text.strip().translate(_DOTS)).split())


def name_fault(name: str) -> str | None:
    """Why a cleaned name cannot be used, as a message code; None when it can."""
    if not name:
        return "name_missing"
    if len(name) > NAME_LIMIT:
        return "name_too_long"
    if any(character in _LOST for character in name):
        return "name_damaged"
    if any(unicodedata.category(character) == "Co" for character in name):
        return "name_private_use"
    return None if all(_is_of_a_name(character) for character in name) else "name_bad_character"


def _is_of_a_name(character: str) -> bool:
    category = unicodedata.category(character)
    if category[0] in "LM" or category == "Nl" or character in _NAME_MARKS:  # Nl: 〇
        return True
    # Ideographs newer than this interpreter's tables stand in planes 2 and 3.
    return category == "Cn" and 0x20000 <= ord(character) <= 0x3FFFD
