"""Blueprints in workbooks: 鉴定要素细目表 (tree of scopes and points) and 组题规则 (kinds and weights).

The first has a merged tree 一级/二级/三级(/四级…) with code, name and weight, then points with importance; a
blank cell means "as above". The second has a sheet 题型分布 (题型, 题量, 每题分数) and a sheet 知识点分布
(1级代码, 1级比重, 2级代码 …), in which weights are per cent of the parent. What comes out has the shape that
`blueprint.load_blueprint` reads; what the file does not say (kinds, size) is left out for a person to add,
and sums that do not hold are noted, not repaired.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from itembank.importing.cells import Row, Sheet
from itembank.importing.drafts import BlueprintFound, Found, Noted
from itembank.importing.kinds import KindTable, legend
from itembank.importing.layouts import HEADER_DEPTH, folded
from itembank.items import ItemKind
from itembank.problems import Problem

_NUMERALS = "一二三四五六"
_LEVEL_HEADING = re.compile(r"([1-6一二三四五六])级(?:鉴定范围)?(代码|名称|比重|鉴定比重)?(?:\(%\))?")
_WEIGHT_HEADING = re.compile(r"(?:鉴定)?比重(?:\(%\))?")
_POINT_FIELDS = {
    "鉴定点代码": "code", "鉴定点名称": "name", "鉴定点": "name", "重要程度": "importance",
    "认定点代码": "code", "认定点名称": "name", "认定点": "name",
}  # fmt: skip
_KIND_FIELDS = {"题库名称": "bank", "题型": "kind", "题型代码": "kind", "题量": "count", "题数": "count",
                "每题分数": "points", "每题分值": "points", "分值": "points"}  # fmt: skip
_TITLE = re.compile(r"^(.+?)\s*\(\s*([一二三四五1-5])级[^)]*\)")
_GRADES = {"初级工": 5, "中级工": 4, "高级工": 3, "高级技师": 1, "技师": 2}
_WHOLE = Decimal(100)


@dataclass(slots=True)
class _Node:
    """One scope while it is put together; `weight` as the file has it."""

    code: str
    name: str = ""
    weight: Decimal | None = None
    place: str = ""
    children: dict[str, "_Node"] = field(default_factory=dict)
    points: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Columns:
    """`levels[n]` = field ("code", "name", "weight") -> column of scope level n; `point` likewise."""

    index: int
    levels: tuple[Mapping[str, int], ...]
    point: Mapping[str, int]


def is_blueprint(sheets: Sequence[Sheet]) -> bool:
    """Whether some sheet is a blueprint table."""
    return any(_tree_columns(sheet) or _kind_columns(sheet) for sheet in sheets)


def read_blueprint(sheets: Sequence[Sheet]) -> Iterator[Found]:
    """The blueprint, with notes on what does not add up."""
    data: dict[str, object] = {}
    notes: list[Problem] = []
    points = rules = 0
    for sheet in sheets:
        tree, kinds = _tree_columns(sheet), _kind_columns(sheet)
        if tree:
            roots, rows = _tree(sheet, tree, notes)
            points += sum(len(node.points) for node in _walk(roots))
            rules += 0 if tree.point else rows
            data["scopes"] = _scopes(roots, notes)
            data |= _titled(_title_of(sheet, tree.index))
        elif kinds:
            data |= _kinds(sheet, *kinds, notes)
    data.setdefault("sample", False)
    yield BlueprintFound(data, points, rules)
    yield from map(Noted, notes)


def _tree_columns(sheet: Sheet) -> _Columns | None:
    for index, row in enumerate(sheet.rows[:HEADER_DEPTH]):
        levels: list[dict[str, int]] = []
        point: dict[str, int] = {}
        for column, cell in enumerate(row.cells):
            name = folded(cell)
            level = _LEVEL_HEADING.fullmatch(name)
            if level and level[2]:
                _level(levels, level[1]).setdefault(_part(level[2]), column)
            elif levels and not point and _WEIGHT_HEADING.fullmatch(name):
                levels[-1].setdefault("weight", column)
            elif name in _POINT_FIELDS:
                point.setdefault(_POINT_FIELDS[name], column)
        coded = [level for level in levels if "code" in level]
        weighted = any("weight" in level for level in levels)
        if coded and weighted and (not point or {"code", "name"} <= point.keys()):
            return _Columns(index, tuple(coded), point)
    return None


def _level(levels: list[dict[str, int]], said: str) -> dict[str, int]:
    number = _NUMERALS.index(said) + 1 if said in _NUMERALS else int(said)
    while len(levels) < number:
        levels.append({})
    return levels[number - 1]


def _part(heading: str) -> str:
    return {"代码": "code", "名称": "name"}.get(heading, "weight")


def _tree(sheet: Sheet, columns: _Columns, notes: list[Problem]) -> tuple[dict[str, _Node], int]:
    """The roots by code, and how many rows they came from."""
    roots: dict[str, _Node] = {}
    path: list[_Node] = []
    rows = 0
    for row in sheet.rows[columns.index + 1 :]:
        path = _followed(row, columns, path, roots, sheet.place(row.number))
        code = _code(row, columns.point)
        if columns.point and code and path:
            path[-1].points.append(_point(row, columns.point, path[-1].code, sheet, notes))
        rows += bool(path)
    return roots, rows


def _followed(
    row: Row, columns: _Columns, above: list[_Node], roots: dict[str, _Node], place: str
) -> list[_Node]:
    """The row's scopes from the top; a blank level is the one above."""
    path: list[_Node] = []
    changed = False
    for depth, level in enumerate(columns.levels):
        code = _code(row, level)
        if not code and (changed or depth >= len(above)):
            break
        siblings = path[-1].children if path else roots
        if code:
            whole = code if not path or code.startswith(path[-1].code + "-") else f"{path[-1].code}-{code}"
            node = siblings.setdefault(whole, _Node(whole, place=place))
            changed = changed or depth >= len(above) or node is not above[depth]
        else:
            node = above[depth]
        node.name = node.name or _text(row, level, "name")
        node.weight = _number(_text(row, level, "weight")) if node.weight is None else node.weight
        path.append(node)
    return path


def _code(row: Row, fields: Mapping[str, int]) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", _text(row, fields, "code"))).upper()


def _text(row: Row, fields: Mapping[str, int], name: str) -> str:
    return " ".join(row.cell(fields[name]).split()) if name in fields else ""


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(unicodedata.normalize("NFKC", text).strip().removesuffix("%") or "x")
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _point(
    row: Row, fields: Mapping[str, int], scope: str, sheet: Sheet, notes: list[Problem]
) -> dict[str, str]:
    code, importance = _code(row, fields), _text(row, fields, "importance").upper()[:20]
    if code.isdecimal():
        code = code.zfill(3)  # a spreadsheet that takes 001 for a number shows 1
    known = importance in ("X", "Y", "Z")
    if importance and not known:
        notes.append(Problem("unknown_importance", sheet.place(row.number), {"value": importance}))
    whole = code if code.startswith(scope + "-") else f"{scope}-{code}"
    return {"code": whole, "name": _text(row, fields, "name") or whole} | (
        {"importance": importance} if known else {}
    )


def _walk(nodes: Mapping[str, _Node]) -> Iterator[_Node]:
    for node in nodes.values():
        yield node
        yield from _walk(node.children)


def _scopes(roots: dict[str, _Node], notes: list[Problem]) -> list[dict[str, object]]:
    _fill(roots)
    total = sum((node.weight or Decimal(0) for node in roots.values()), Decimal(0))
    if total != _WHOLE:
        said = {"total": f"{total.normalize():f}", "expected": "100"}
        notes.append(Problem("weights_not_100", next(iter(roots.values())).place if roots else "", said))
    return [_scope(node, node.weight, notes) for node in roots.values()]


def _fill(nodes: Mapping[str, _Node]) -> None:
    """A scope without a weight of its own has its children's sum."""
    for node in nodes.values():
        _fill(node.children)
        below = [child.weight for child in node.children.values()]
        if node.weight is None and below and None not in below:
            node.weight = sum((weight for weight in below if weight is not None), Decimal(0))


def _scope(node: _Node, weight: Decimal | None, notes: list[Problem]) -> dict[str, object]:
    data: dict[str, object] = {"code": node.code, "name": node.name or node.code}
    if weight is not None:
        data["weight"] = f"{weight.normalize():f}"
    children = list(node.children.values())
    below = sum((child.weight or Decimal(0) for child in children), Decimal(0))
    of_parent = weight is not None and below == _WHOLE != weight  # per cent of the parent, not of the paper
    if children and weight is not None and not of_parent and below != weight:
        said = {"total": f"{below.normalize():f}", "expected": f"{weight.normalize():f}", "scope": node.code}
        notes.append(Problem("weights_not_parent", node.place, said))
    if children:
        shares = [
            child.weight * weight / _WHOLE
            if of_parent and weight is not None and child.weight is not None
            else child.weight
            for child in children
        ]
        data["children"] = [
            _scope(child, share, notes) for child, share in zip(children, shares, strict=True)
        ]
    if node.points:
        data["points"] = node.points
    return data


def _kind_columns(sheet: Sheet) -> tuple[int, dict[str, int]] | None:
    for index, row in enumerate(sheet.rows[:HEADER_DEPTH]):
        columns: dict[str, int] = {}
        for column, cell in enumerate(row.cells):
            if folded(cell) in _KIND_FIELDS:
                columns.setdefault(_KIND_FIELDS[folded(cell)], column)
        if {"kind", "count", "points"} <= columns.keys():
            return index, columns
    return None


def _kinds(sheet: Sheet, index: int, columns: Mapping[str, int], notes: list[Problem]) -> dict[str, object]:
    table = KindTable({}, legend(cell for row in sheet.rows for cell in row.cells), national=True)
    kinds: dict[str, object] = {}
    size, total, title = 0, Decimal(0), ""
    for row in sheet.rows[index + 1 :]:
        place, said = sheet.place(row.number), _text(row, columns, "kind")
        kind = table.kind(said)
        count, points = _number(_text(row, columns, "count")), _number(_text(row, columns, "points"))
        title = title or _text(row, columns, "bank")
        if not said or count == 0:
            continue
        if not isinstance(kind, ItemKind) or count is None or points is None or count != int(count):
            notes.append(Problem("rule_not_readable", place, {"value": said[:20]}))
        elif kind.value in kinds:
            notes.append(Problem("kind_twice", place, {"value": said[:20]}))
        else:
            kinds[kind.value] = {"count": int(count), "points": f"{points.normalize():f}"}
            size, total = size + int(count), total + count * points
    if total != _WHOLE:
        notes.append(Problem("points_not_100", sheet.name, {"total": f"{total.normalize():f}"}))
    return {**_titled(title), "size": size, "kinds": kinds}


def _title_of(sheet: Sheet, header: int) -> str:
    return next((cell.strip() for row in sheet.rows[:header] for cell in row.cells if cell.strip()), "")


def _titled(text: str) -> dict[str, object]:
    """Title, occupation and level of "保卫管理员（三级）理论" or "保安员（五级/初级工）…细目表"."""
    if not text:
        return {}
    folded_title = unicodedata.normalize("NFKC", text)
    found = _TITLE.match(folded_title)
    data: dict[str, object] = {"title": text[:200]}
    if found:
        said = found[2]
        level = _NUMERALS.index(said) + 1 if said in _NUMERALS else int(said)
        return data | {"occupation": found[1], "level": level}
    level_named = next((level for name, level in _GRADES.items() if name in folded_title), None)
    return data | ({"level": level_named} if level_named else {})
