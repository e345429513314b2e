"""The floor: the smallest honest program that saves answers with the same durability, to compare with.

`python -m server.cli.bench.floor PLAN.json` is Flask on gunicorn's gevent worker, as the server is. It takes
the same messages: checks the token by HMAC, that the attempt is live and in time, and the record's SHA-256
link; commits events and current answers of all waiting requests in one group, and acknowledges after that.
It has no accounts, no rooms, no monitor, no incidents and opens no sealed body. PLAN:
{"bind", "workers", "secret", "store", "folder", "seconds", "attempts": {attempt: station}, "certfile",
"keyfile", "logins": null or what `floor_login` needs}.
"""

from gevent import monkey

monkey.patch_all()

import hashlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sqlite3  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import psycopg  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from flask import Flask, Response, request  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402

from server.cli.bench import floor_login_store  # noqa: E402
from server.cli.bench.floor_groups import Groups  # noqa: E402
from server.cli.bench.floor_login import add_logins  # noqa: E402
from server.cli.bench.floor_token import holder  # noqa: E402

COLUMNS = ("attempt", "journal", "seq", "kind", "item", "body", "boot_id", "boot_ns", "prev", "hash")
TYPES = ("int", "int", "int", "text", "text", "text", "text", "bigint", "text", "text")
EVENTS = """CREATE TABLE IF NOT EXISTS floor_events (attempt int, journal int, seq int, kind text, item text,
 body text, boot_id text, boot_ns bigint, prev text, hash text, PRIMARY KEY (attempt, journal, seq))"""
CURRENT = """CREATE TABLE IF NOT EXISTS floor_current (attempt int, item text, journal int, seq int,
 body text, PRIMARY KEY (attempt, item))"""
NEWER = """ON CONFLICT (attempt, item) DO UPDATE SET journal = excluded.journal, seq = excluded.seq,
 body = excluded.body WHERE floor_current.seq < excluded.seq"""
ANSWERS = "SELECT item, seq, body FROM floor_current WHERE attempt = %s ORDER BY item"
Row = tuple[Any, ...]


def linked(record: dict[str, Any]) -> bool:
    """Whether the record's hash covers its fields."""
    fields = [record[name] for name in COLUMNS[:-1]]
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return bool(hashlib.sha256(text.encode()).hexdigest() == record["hash"])


def newest(rows: list[Row]) -> list[Row]:
    """The last word on each item: one statement may touch a row only once."""
    last = {(row[0], row[4]): row for row in rows}
    return list(last.values())


class OnSqlite:
    """WAL and FULL, in a native thread."""

    def __init__(self, path: str) -> None:
        self._line = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", EVENTS, CURRENT):
            self._line.execute(statement)
        self._pool = gevent.get_hub().threadpool

    def commit(self, rows: list[Row]) -> None:
        """Durable when this returns."""
        self._pool.apply(self._commit, (rows,))

    def _commit(self, rows: list[Row]) -> None:
        marks = ",".join("?" * len(COLUMNS))
        self._line.execute("BEGIN IMMEDIATE")
        self._line.executemany(f"INSERT INTO floor_events VALUES ({marks}) ON CONFLICT DO NOTHING", rows)  # noqa: S608
        self._line.executemany(
            f"INSERT INTO floor_current VALUES (?,?,?,?,?) {NEWER}",  # noqa: S608
            [(row[0], row[4], row[1], row[2], row[5]) for row in newest(rows)],
        )
        self._line.execute("COMMIT")

    def answers(self, attempt: int) -> list[Row]:
        """The last word on each item."""
        return self._pool.apply(self._answers, (attempt,))

    def _answers(self, attempt: int) -> list[Row]:
        return self._line.execute(ANSWERS.replace("%s", "?"), (attempt,)).fetchall()


class OnPostgres:
    """One statement in autocommit."""

    def __init__(self, url: str) -> None:
        self._line = psycopg.connect(url, autocommit=True)
        arrays = ",".join(f"%s::{kind}[]" for kind in TYPES)
        self._statement = (
            f"WITH r AS (SELECT * FROM unnest({arrays}) AS r({','.join(COLUMNS)})),"  # noqa: S608
            " j AS (INSERT INTO floor_events SELECT * FROM r ON CONFLICT DO NOTHING)"
            " INSERT INTO floor_current"
            " SELECT DISTINCT ON (attempt, item) attempt, item, journal, seq, body FROM r"
            f" ORDER BY attempt, item, seq DESC {NEWER}"
        ).encode()

    def commit(self, rows: list[Row]) -> None:
        """Durable when this returns."""
        self._line.execute(self._statement, [list(column) for column in zip(*rows, strict=True)])

    def answers(self, attempt: int) -> list[Row]:
        """The last word on each item."""
        return self._line.execute(ANSWERS, (attempt,)).fetchall()


def keep(path: Path, data: bytes) -> None:
    """A picture as a durable file; runs in a native thread."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class Program:
    """The routes and what they know."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._store = (
            OnPostgres(plan["store"]) if plan["store"].startswith("postgres") else OnSqlite(plan["store"])
        )
        self._groups, self._secret = Groups(self._store.commit), plan["secret"].encode()
        self._live = {int(attempt): int(number) for attempt, number in plan["attempts"].items()}
        self._homes = {number: attempt for attempt, number in self._live.items()}
        self._key, self._folder = Ed25519PrivateKey.generate(), Path(plan["folder"])
        self._deadline = time.time() + plan["seconds"]
        self._heard: dict[int, tuple[float, int, int]] = {}

    def _caller(self) -> int:
        return holder(self._secret, request.headers["Authorization"][7:])

    def answers(self) -> Response:
        """A batch of records; acknowledged after the commit."""
        workstation, records = self._caller(), request.get_json()["records"]
        for record in records:
            at_home = self._live.get(record["attempt"]) == workstation
            if not at_home or time.time() > self._deadline or not linked(record):
                return Response(status=403)
        self._groups.append([tuple(record[name] for name in COLUMNS) for record in records])
        last = records[-1]
        return _json({"upto": {str(last["journal"]): last["seq"]}, "refused": [], "hint": 0})

    def status(self) -> Response:
        """A heartbeat: who is there, and since when."""
        workstation, told = self._caller(), request.get_json()
        self._heard[workstation] = (time.time(), told["waiting"], told["seq"])
        return _json({"server_time": time.time(), "state_version": 0, "hint": 0})

    def receipt(self) -> Response:
        """What was answered, signed."""
        attempt = self._homes[self._caller()]
        text = json.dumps([attempt, self._store.answers(attempt)])
        return _json({"text": text, "signature": self._key.sign(text.encode()).hex()})

    def frames(self) -> Response:
        """A picture under its hash."""
        workstation, data = self._caller(), request.get_data(cache=False)
        name = hashlib.sha256(data).hexdigest()
        if workstation not in self._homes or name != request.args.get("sha256"):
            return Response(status=403)
        gevent.get_hub().threadpool.apply(keep, (self._folder / name, data))
        return _json({"hint": 0})


def _json(body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), mimetype="application/json")


def application(plan: dict[str, Any]) -> Flask:
    """The program, made in the worker."""
    app, program = Flask("floor"), Program(plan)
    app.add_url_rule("/agent/answers", "answers", program.answers, methods=["POST"])
    app.add_url_rule("/agent/status", "status", program.status, methods=["POST"])
    app.add_url_rule("/agent/receipt", "receipt", program.receipt)
    app.add_url_rule("/agent/frames", "frames", program.frames, methods=["POST"])
    app.add_url_rule("/health", "health", lambda: _json({}))
    if plan["logins"]:
        add_logins(app, plan)
    return app


class Floor(BaseApplication):  # type: ignore[misc]
    """gunicorn as the server has it."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        super().__init__()

    def load_config(self) -> None:
        """The server's own settings, where they matter for speed."""
        chosen = {"bind": self._plan["bind"], "workers": self._plan["workers"], "worker_class": "gevent"}
        chosen |= {"worker_connections": 6000, "keepalive": 75, "backlog": 2048, "loglevel": "warning"}
        chosen |= {"control_socket_disable": True}
        if self._plan["certfile"]:
            chosen |= {"certfile": self._plan["certfile"], "keyfile": self._plan["keyfile"]}
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, in the worker."""
        return application(self._plan)


def main(arguments: list[str]) -> int:
    """Makes the tables and serves."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m server.cli.bench.floor PLAN.json\n")
        return 2
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = json.loads(Path(arguments[0]).read_text("utf-8"))
    if plan["store"].startswith("postgres"):
        with psycopg.connect(plan["store"], autocommit=True) as line:
            line.execute(EVENTS)
            line.execute(CURRENT)
    if plan["logins"]:
        floor_login_store.prepare(plan["store"], plan["secret"].encode(), plan["logins"]["seats"])
    Floor(plan).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
