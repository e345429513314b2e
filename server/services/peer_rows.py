"""Rows that go from one installation to another: plain values, ids of both sides, values sealed anew.

An id is good in its own store only. Who takes rows keeps which row of the other side is which one here
(`PeerRow`), so that the same rows taken again change what is there and add nothing.
"""

import base64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    Date,
    LargeBinary,
    Numeric,
    Table,
    bindparam,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from itembank.vault import Vault
from server.db.base import Base, Moment, vault_of
from server.db.sites import PeerRow
from server.errors import Refused
from server.services import enrolments, rosters, staff_incidents

Row = Mapping[str, Any]
_AT_ONCE = 400
_OWN = "own_id"
_SEALED: Mapping[tuple[str, str], tuple[str, Callable[[Row], str]]] = {
    ("registrations", "sealed_photo"): (rosters.PHOTO_PURPOSE, lambda row: str(row["id"])),
    ("enrolments", "sealed_template"): (enrolments.TEMPLATE_PURPOSE, lambda row: str(row["attempt_id"])),
    ("report_photos", "sealed"): (
        staff_incidents.PHOTO_PURPOSE,
        lambda row: f"{row['report_id']}/{row['number']}",
    ),
}
"""Sealed columns that travel -> purpose and ident of their seal."""


def table_of(name: str) -> Table:
    """A table of the main store by its name."""
    return Base.metadata.tables[name]


def fetch(session: Session, name: str, column: str, values: Collection[int]) -> list[dict[str, Any]]:
    """Rows of a table whose column holds one of the values, by their primary key."""
    table, wanted = table_of(name), sorted(values)
    found: list[dict[str, Any]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(table).where(table.c[column].in_(wanted[start : start + _AT_ONCE]))
        found += [dict(row._mapping) for row in session.execute(query.order_by(*table.primary_key))]
    return found


def plain(session: Session, name: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as JSON holds them, sealed values in clear: only for what is sealed to its receiver."""
    table, vault = table_of(name), vault_of(session)
    return [{column.name: _plain(vault, column, row) for column in table.c} for row in rows]


class Peers:
    """Whose rows are which, for one other installation, inside one transaction."""

    def __init__(self, session: Session, peer: str) -> None:
        self.session = session
        self._peer = peer
        self._known: dict[str, dict[int, int]] = {}

    def of(self, place: str) -> dict[int, int]:
        """Their id -> the own one, of a table."""
        if place not in self._known:
            query = select(PeerRow.theirs, PeerRow.own)
            rows = self.session.execute(query.where(PeerRow.peer == self._peer, PeerRow.place == place))
            self._known[place] = dict(rows.all())
        return self._known[place]

    def know(self, places: Iterable[str]) -> None:
        """Reads what `of` will be asked for of many tables, in one look instead of one each."""
        query = select(PeerRow.place, PeerRow.theirs, PeerRow.own).where(PeerRow.peer == self._peer)
        wanted = [place for place in places if place not in self._known]
        self._known |= {place: {} for place in wanted}
        for place, theirs, own in self.session.execute(query.where(PeerRow.place.in_(wanted))):
            self._known[place][theirs] = own

    def own(self, place: str, theirs: int) -> int | None:
        """The own id of a row of theirs."""
        return self.of(place).get(theirs)

    def theirs(self, place: str) -> dict[int, int]:
        """The own id -> theirs."""
        return {own: theirs for theirs, own in self.of(place).items()}

    def learn(self, place: str, theirs: int, own: int) -> None:
        """Keeps that a row of theirs is this one."""
        known = self.of(place)
        if known.get(theirs) == own:
            return
        if theirs in known:
            row = self.session.get_one(PeerRow, (self._peer, place, theirs))
            row.own = own
        else:
            self.session.add(PeerRow(peer=self._peer, place=place, theirs=theirs, own=own))
        known[theirs] = own

    def learn_all(self, tables: Mapping[str, Mapping[int, int]]) -> None:
        """The same of many rows, by table."""
        told: list[dict[str, Any]] = []
        for place, rows in tables.items():
            known = self.of(place)
            for theirs, own in rows.items():
                if theirs in known:
                    self.learn(place, theirs, own)
            fresh = {theirs: own for theirs, own in rows.items() if theirs not in known}
            told += [
                {"peer": self._peer, "place": place, "theirs": one, "own": own} for one, own in fresh.items()
            ]
            known.update(fresh)
        if told:
            self.session.execute(insert(table_of("peer_rows")), told)

    def forget(self, place: str, owns: Collection[int]) -> None:
        """Rows that are no more here."""
        known, gone = self.of(place), set(owns)
        for theirs in [theirs for theirs, own in known.items() if own in gone]:
            self.session.delete(self.session.get_one(PeerRow, (self._peer, place, theirs)))
            del known[theirs]
        self.session.flush()


def take(
    peers: Peers,
    name: str,
    rows: Iterable[Row],
    *,
    only: Collection[str] = (),
    fixed: Row | None = None,
) -> list[int]:
    """Writes rows of theirs: changes what is known, adds what is not; own ids of tables with an `id`.

    `only`: the columns that are taken of a row that is known already, all when empty. `fixed`: values that
    stand for what they sent. A required row of theirs that is not known here is refused (`peer_row_unknown`).
    """
    session, table, sent = peers.session, table_of(name), list(rows)
    if not sent:
        return []
    values = [_values(peers, table, row) | dict(fixed or {}) for row in sent]
    if "id" not in table.primary_key:
        _put(session, table, values)
        return []
    owns = [peers.own(name, int(row["id"])) for row in sent]
    for one in values:
        one.pop("id", None)
    fresh = [place for place, own in enumerate(owns) if own is None]
    made = _added(session, table, [_with_empty_seals(table, values[place]) for place in fresh])
    for place, own in zip(fresh, made, strict=True):
        owns[place] = own
    known = sorted(set(range(len(sent))) - set(fresh))
    _change(session, table, [(owns[place], _chosen(values[place], only)) for place in known])
    found = [own for own in owns if own is not None]
    peers.learn_all({name: {int(sent[place]["id"]): found[place] for place in fresh}})
    for row, one, own in zip(sent, values, found, strict=True):
        _reseal(session, table, own, row, one)
    return found


def _chosen(values: dict[str, Any], only: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not only or key in only}


def _values(peers: Peers, table: Table, row: Row) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table.c:
        if column.name not in row or (table.name, column.name) in _SEALED:
            continue
        value = _value(column, row[column.name])
        if value is not None and column.foreign_keys:
            (key,) = column.foreign_keys
            own = peers.own(key.column.table.name, int(value))
            if own is None and not column.nullable:
                raise Refused("peer_row_unknown", 422, table=table.name, column=column.name)
            value = own
        values[column.name] = value
    return values


def _added(session: Session, table: Table, rows: list[dict[str, Any]]) -> list[int]:
    """Inserts rows; the ids that they got, in their order."""
    if session.get_bind().dialect.name == "sqlite":
        return _numbered(session, table, rows)
    made: dict[int, int] = {}
    for fixed, places in _alike(rows).items():
        statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
        for chunk in _chunks(places):
            ids = session.scalars(
                statement.values(dict.fromkeys(fixed, null())), _without(rows, chunk, fixed)
            )
            made |= zip(chunk, ids, strict=True)
    return [made[place] for place in range(len(rows))]


def _numbered(session: Session, table: Table, rows: list[dict[str, Any]]) -> list[int]:
    """The same where nobody else writes meanwhile: asked for its ids in their order, SQLite takes one row a
    statement. The ids are those that it would give.
    """
    if not rows:
        return []
    after = session.scalar(select(func.max(table.c.id))) or 0
    ids = list(range(after + 1, after + 1 + len(rows)))
    for fixed, places in _alike(rows).items():
        told = [
            one | {"id": ids[place]} for place, one in zip(places, _without(rows, places, fixed), strict=True)
        ]
        session.execute(insert(table).values(dict.fromkeys(fixed, null())), told)
    return ids


def _change(session: Session, table: Table, rows: list[tuple[int | None, dict[str, Any]]]) -> None:
    values = [one | {_OWN: own} for own, one in rows if one]
    for fixed, places in _alike(values).items():
        names = [name for name in values[places[0]] if name != _OWN and name not in fixed]
        statement = update(table).where(table.c.id == bindparam(_OWN))
        statement = statement.values(
            {name: bindparam(f"v_{name}", type_=table.c[name].type) for name in names}
        )
        statement = statement.values(dict.fromkeys(fixed, null())) if fixed else statement
        session.connection().execute(
            statement,
            [{f"v_{n}": values[place][n] for n in names} | {_OWN: values[place][_OWN]} for place in places],
        )


def _put(session: Session, table: Table, rows: list[dict[str, Any]]) -> None:
    """Rows under a primary key of several columns: changed when they are there."""
    keys = [column.name for column in table.primary_key]
    first = {row[keys[0]] for row in rows}
    there: set[tuple[Any, ...]] = set()
    for chunk in _chunks(sorted(first)):
        query = select(*table.primary_key).where(table.c[keys[0]].in_(chunk))
        there |= {tuple(row) for row in session.execute(query)}
    fresh: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        if key in there:
            same = [table.c[name] == row[name] for name in keys]
            session.execute(update(table).where(*same).values(_nulled(row)))
        else:
            fresh[key] = row
    new = list(fresh.values())
    for fixed, places in _alike(new).items():
        statement = insert(table).values(dict.fromkeys(fixed, null())) if fixed else insert(table)
        session.execute(statement, _without(new, places, fixed))


def _nulled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: null() if value is None else value for name, value in row.items()}


def _alike(rows: list[dict[str, Any]]) -> dict[tuple[str, ...], list[int]]:
    """Places of rows that one statement writes, by the columns that are empty in them.

    A column of JSON keeps its NULL only where the statement itself says so.
    """
    groups: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = {}
    for place, row in enumerate(rows):
        empty = tuple(name for name, value in row.items() if value is None)
        groups.setdefault(tuple(row), {}).setdefault(empty, []).append(place)
    if len(groups) > 1:
        raise Refused("peer_rows_differ", 422)
    return next(iter(groups.values()), {})


def _without(rows: list[dict[str, Any]], places: list[int], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: v for name, v in rows[place].items() if name not in names} for place in places]


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _with_empty_seals(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """What is sealed with the row's own id waits for that id."""
    empty = {
        column: None if table.c[column].nullable else b"" for name, column in _SEALED if name == table.name
    }
    return values | empty


def _reseal(session: Session, table: Table, own: int, row: Row, values: Row) -> None:
    for (name, column), (purpose, ident) in _SEALED.items():
        if name == table.name and row.get(column) is not None:
            data = base64.b64decode(row[column])
            sealed = vault_of(session).seal_value(purpose, ident({**values, "id": own}), data)
            _change(session, table, [(own, {column: sealed})])


def _plain(vault: Vault, column: Column[Any], row: Row) -> object:
    value = row[column.name]
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        seal = _SEALED.get((column.table.name, column.name))
        data = vault.open_value(seal[0], seal[1](row), value) if seal else bytes(value)
        return base64.b64encode(data).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, (date, Decimal)) else value


def _value(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    if value is None:
        return None
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    if isinstance(column.type, Numeric) and column.type.asdecimal:
        return Decimal(value)
    return base64.b64decode(value) if isinstance(column.type, LargeBinary) else value
