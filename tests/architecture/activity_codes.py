"""Finds the codes of activity lines in the sources: constants followed through names, parameters and calls."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.architecture.parsed import Function, source

Known = Mapping[str, frozenset[str]]


class NotKnownError(Exception):
    """An expression whose values cannot be told from the sources."""


@dataclass
class Module:
    """A parsed module: what its names mean, and the functions around each node."""

    name: str
    tree: ast.Module
    imported: dict[str, str] = field(default_factory=dict)
    around: dict[ast.AST, tuple[Function, ...]] = field(default_factory=dict)

    def walk(self, node: ast.AST, inside: tuple[Function, ...] = ()) -> None:
        """Notes imports, and the enclosing functions of every node, the innermost last."""
        self.around[node] = inside
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        deeper = (*inside, node) if isinstance(node, Function) else inside
        for child in ast.iter_child_nodes(node):
            self.walk(child, deeper)

    def meant(self, called: ast.expr) -> str:
        """The dotted name of what a call calls, as far as imports tell."""
        if isinstance(called, ast.Name):
            return self.imported.get(called.id, f"{self.name}.{called.id}")
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return f"{self.imported.get(called.value.id, called.value.id)}.{called.attr}"
        return ""


class Sources:
    """All modules of a package. `known`: "module:expression" -> its values, where only data tells."""

    def __init__(self, root: Path, known: Known) -> None:
        self._known = known
        self.modules: list[Module] = []
        self._calls: dict[str, list[tuple[Module, ast.Call]]] = {}
        for path in sorted(root.rglob("*.py")):
            dotted = ".".join(path.relative_to(root.parent).with_suffix("").parts)
            module = Module(dotted, source(path).tree)
            module.walk(module.tree)
            self.modules.append(module)
            for node in module.around:
                if isinstance(node, ast.Call):
                    self._calls.setdefault(module.meant(node.func), []).append((module, node))

    def calls(self, dotted: str) -> list[tuple[Module, ast.Call]]:
        """Every call of a function or class."""
        return self._calls.get(dotted, [])

    def argument(self, module: Module, call: ast.Call, position: int, name: str) -> set[str]:
        """The values that an argument of a call can have."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return self.values(module, keyword.value)
        for place, each in enumerate(call.args[: position + 1]):
            if isinstance(each, ast.Starred):
                return self._part(module, each.value, position - place)
        if position < len(call.args):
            return self.values(module, call.args[position])
        raise NotKnownError(f"{module.name}:{call.lineno} no {name}")

    def _part(self, module: Module, spread: ast.expr, position: int) -> set[str]:
        found: set[str] = set()
        for each in self._bound(module, spread):
            if not isinstance(each, ast.Tuple):
                raise NotKnownError(f"{module.name}:{spread.lineno} {ast.unparse(spread)}")
            found |= self.values(module, each.elts[position])
        return found

    def values(self, module: Module, node: ast.expr) -> set[str]:
        """The texts that an expression can be."""
        text = f"{module.name}:{ast.unparse(node)}"
        if text in self._known:
            return set(self._known[text])
        match node:
            case ast.Constant(value=str(value)):
                return {value}
            case ast.JoinedStr(values=parts):
                return self._joined(module, parts)
            case ast.FormattedValue(value=value):
                return self.values(module, value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined(module, [left, right])
            case ast.IfExp(body=body, orelse=other):
                return self.values(module, body) | self.values(module, other)
            case ast.Call(func=ast.Name(id="str"), args=[value]):
                return self.values(module, value)
            case ast.Dict(values=entries) | ast.Tuple(elts=entries):
                return {each for entry in entries for each in self.values(module, entry)}
            case ast.Subscript(value=value):
                return self.values(module, value)
            case ast.Name():
                return self._named(module, node)
        raise NotKnownError(f"{module.name}:{node.lineno} {ast.unparse(node)}")

    def _joined(self, module: Module, parts: list[ast.expr]) -> set[str]:
        return {"".join(each) for each in product(*(sorted(self.values(module, part)) for part in parts))}

    def _named(self, module: Module, name: ast.Name) -> set[str]:
        found: set[str] = set()
        for function in reversed(module.around[name]):
            assigned = list(_assigned(function, name.id))
            for value in assigned:
                if not _mentions(value, name.id):
                    found |= self.values(module, value)
                elif isinstance(value, ast.IfExp):
                    found |= self.values(module, value.body)  # act = "..." if ... else act
            if name.id in _parameters(function):
                return found | self._given(module, function, name.id)
            if assigned:
                return found
        for value in _assigned(module.tree, name.id):
            return self.values(module, value)
        raise NotKnownError(f"{module.name}:{name.lineno} {name.id}")

    def _bound(self, module: Module, node: ast.expr) -> list[ast.expr]:
        if not isinstance(node, ast.Name):
            return [node]
        return [value for function in module.around[node] for value in _assigned(function, node.id)]

    def _given(self, module: Module, function: Function, parameter: str) -> set[str]:
        found: set[str] = set()
        position = _parameters(function).index(parameter)
        for other, call in self.calls(f"{module.name}.{function.name}"):
            found |= self.argument(other, call, position, parameter)
        if not found:
            raise NotKnownError(f"{module.name}.{function.name}({parameter}): nobody calls it")
        return found


def _parameters(function: Function) -> list[str]:
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _assigned(where: Function | ast.Module, name: str) -> Iterator[ast.expr]:
    """What is assigned to a name, also as one of several in a line."""
    body = where.body if isinstance(where, ast.Module) else list(ast.walk(where))
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            if node.target.id == name:
                yield node.value
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(one, ast.Name) and one.id == name:
                            yield value


def _mentions(node: ast.expr, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))
