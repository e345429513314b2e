"""What every application and every store makes anew is made once for all tests of a process.

Each test opens a store and an application of its own, which is what keeps tests apart. But a route is
compiled to the same matcher and a statement to the same SQL each time, and together that was a third of
what the tests cost.
"""

import copy
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import yaml
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

STATEMENTS = 4_000
TEXTS = 300
_MADE = ("_parts", "_trace", "_converters", "_build", "_build_unknown")
"""What compiling a rule writes into it, beside the names of its arguments."""


def remember_routes() -> None:
    """A rule with the same path, endpoint and defaults is parsed and compiled once."""
    compile_rule = Rule.compile
    kept: dict[Hashable, dict[str, Any]] = {}

    def remembered(rule: Rule) -> None:
        number = rule.map.converters["int"]
        fixed = tuple(sorted((rule.defaults or {}).items()))
        key = (rule.rule, rule.endpoint, fixed, rule.subdomain, rule.host, rule.merge_slashes, number)
        if key not in kept:
            compile_rule(rule)
            kept[key] = {name: getattr(rule, name) for name in (*_MADE, "arguments")}
            return
        made = kept[key]
        for name in ("_parts", "_trace", "_converters"):
            setattr(rule, name, made[name])
        for name in ("_build", "_build_unknown"):
            setattr(rule, name, made[name].__func__.__get__(rule, None))
        rule.arguments = set(made["arguments"])

    Rule.compile = remembered  # type: ignore[method-assign]


def remember_statements() -> None:
    """All engines of a kind share what they compiled: their keys name the statement and the dialect.

    SQLAlchemy tells dialects apart by identity; here two are the same when they are of one class, for all
    engines are made by the same function and speak to the same two stores.
    """
    shared: LRUCache[object, object] = LRUCache(STATEMENTS)
    kept = property(lambda _engine: shared, lambda _engine, _own: None)
    Engine._compiled_cache = kept  # type: ignore[assignment]
    DefaultDialect.__eq__ = _same_kind  # type: ignore[method-assign]
    DefaultDialect.__hash__ = _of_kind  # type: ignore[method-assign]


def remember_texts() -> None:
    """A blueprint or a policy is read out of its text once; everybody gets values of their own."""
    load = yaml.load
    known = lru_cache(TEXTS)(lambda text, loader: load(text, Loader=loader))

    def remembered(stream: object, Loader: type) -> object:
        if not isinstance(stream, str):
            return load(stream, Loader=Loader)
        return copy.deepcopy(known(stream, Loader))

    yaml.load = remembered


def _same_kind(one: object, other: object) -> bool:
    return type(one) is type(other)


def _of_kind(one: object) -> int:
    return hash(type(one))
