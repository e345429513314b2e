"""Reading a blueprint's text: exact decimals, no repeated keys, and a path on every fault."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import yaml

from itembank.problems import Param, Problem

TEXT_LIMIT = 1_000_000  # characters of a blueprint's text
NAME_LIMIT = 200  # characters of a title or name
Key = TypeVar("Key")
_CODE = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")


class _Unusable(Exception):
    """The text is YAML or JSON, but not of a kind we take."""


class _ExactLoader(yaml.SafeLoader):
    """Plain YAML: numbers with a point become decimals; anchors and repeated keys are refused."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _Unusable("alias")  # a few nested aliases unfold to gigabytes
        return super().compose_node(parent, index)


def _exact_number(loader: _ExactLoader, node: yaml.ScalarNode) -> Decimal | str:
    text = str(loader.construct_scalar(node))
    try:
        return Decimal(text)
    except InvalidOperation:  # .inf, .nan and base 60: no numbers of a blueprint, named by their path later
        return text


def _unique_mapping(loader: _ExactLoader, node: yaml.MappingNode) -> dict[object, object]:
    pairs = [(loader.construct_object(k, deep=True), v) for k, v in node.value]
    return _unique([(key, loader.construct_object(value, deep=True)) for key, value in pairs])


def _unique(pairs: list[tuple[Key, object]]) -> dict[Key, object]:
    result: dict[Key, object] = {}
    for key, value in pairs:
        if key in result:
            raise _Unusable(f"{key} twice")
        result[key] = value
    return result


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _exact_number)
_ExactLoader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def parse(text: str) -> object | Problem:
    """Plain values of a YAML or JSON text, or the one problem that makes it unreadable."""
    if len(text) > TEXT_LIMIT:
        return Problem("blueprint_too_long", "", {"limit": TEXT_LIMIT})
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text, parse_float=Decimal, object_pairs_hook=_unique)  # type: ignore[no-any-return]
        return yaml.load(text, Loader=_ExactLoader)  # type: ignore[no-any-return]  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return Problem("blueprint_not_readable", f"line {line}", {"detail": error.problem or ""})
    except (yaml.YAMLError, ValueError, ArithmeticError, TypeError, RecursionError, _Unusable) as error:
        return Problem("blueprint_not_readable", "", {"detail": str(error)[:NAME_LIMIT]})


class Reader:
    """Takes typed values out of plain data and collects a problem, with its path, for each fault."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, code: str, path: str, **params: Param) -> None:
        """Note a problem at a path."""
        self.problems.append(Problem(code, path, params))

    def mapping(self, data: object, path: str, known: tuple[str, ...]) -> dict[str, object]:
        """A mapping whose keys all stand in `known`; keys come as text."""
        if not isinstance(data, Mapping):
            self.add("missing_value" if data is None else "not_a_mapping", path)
            return {}
        result = {str(key): value for key, value in data.items()}
        for key in result:
            if key not in known:
                self.add("unknown_key", _join(path, key), value=key)
        return result

    def entries(self, data: object, path: str, *, required: bool = False) -> list[object]:
        """A list; at least one entry when required."""
        if data is None and not required:
            return []
        if not isinstance(data, list):
            self.add("missing_value" if data is None else "not_a_list", path)
            return []
        if required and not data:
            self.add("empty_list", path)
        return data

    def text(self, fields: Mapping[str, object], key: str, path: str = "") -> str:
        """Text that is not blank."""
        value = fields.get(key)
        text = str(value).strip() if isinstance(value, str | int) else ""
        if not text:
            self.add("missing_value", _join(path, key))
        elif len(text) > NAME_LIMIT:
            self.add("text_too_long", _join(path, key), limit=NAME_LIMIT)
        return text

    def code(self, fields: Mapping[str, object], key: str, path: str) -> str:
        """A scope or point code: letters and digits in groups joined by hyphens."""
        text = self.text(fields, key, path)
        if text and not _CODE.fullmatch(text):
            self.add("bad_code", _join(path, key), value=text[:NAME_LIMIT])
        return text

    def whole(
        self, fields: Mapping[str, object], key: str, path: str = "", *, bounds: tuple[int, int]
    ) -> int:
        """A whole number within inclusive bounds."""
        low, high = bounds
        value = fields.get(key)
        if value is None:
            self.add("missing_value", _join(path, key))
        elif not isinstance(value, int) or isinstance(value, bool):
            self.add("not_a_whole_number", _join(path, key), value=str(value)[:NAME_LIMIT])
        elif not low <= value <= high:
            self.add("number_out_of_range", _join(path, key), value=value, low=low, high=high)
        else:
            return value
        return low

    def flag(self, fields: Mapping[str, object], key: str) -> bool:
        """Yes or no; absent means no."""
        value = fields.get(key, False)
        if not isinstance(value, bool):
            self.add("not_yes_or_no", key, value=str(value)[:NAME_LIMIT])
        return value is True

    def decimal(self, fields: Mapping[str, object], key: str, path: str) -> Decimal:
        """An exact decimal above zero; text such as "1.5" is a number too."""
        value = fields.get(key)
        number = _decimal(value)
        if value is None:
            self.add("missing_value", _join(path, key))
        elif number is None:
            self.add("not_a_number", _join(path, key), value=str(value)[:NAME_LIMIT])
        elif not 0 < number <= 100:
            self.add("number_out_of_range", _join(path, key), value=str(number), low="0", high="100")
        else:
            return number
        return Decimal(1)

    def pair(self, data: object, path: str) -> tuple[int, int]:
        """A range [low, high] of whole numbers, or one whole number that means exactly it."""
        pair = data if isinstance(data, list) else [data, data]
        ends = [n for n in pair if isinstance(n, int) and not isinstance(n, bool) and n >= 0]
        if len(pair) != 2 or len(ends) != 2:
            self.add("not_a_range", path)
        elif ends[0] > ends[1]:
            self.add("range_upside_down", path, low=ends[0], high=ends[1])
        else:
            return ends[0], ends[1]
        return 0, 0


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or int(number.as_tuple().exponent) < -6:
        return None
    return number


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
