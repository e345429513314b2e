"""The floor of the logins: the smallest honest way from the session to the first question, for `floor`.

The paths and messages are the product's. A nonce is signed by HMAC, the session asks for the workstation's
own Ed25519 key, the sign-in for ticket and ID number at the right workstation; sign-in, "this is me", the
rules and the journal are acknowledged after their durable commit. What is missing: staff, accounts, monitors,
rooms, clocks, sealed values, pushed states. Like the other floors it goes through Flask, some 0.1 ms a
request, which the product no longer does. Of the plan: `secret`, `store`, and `logins`:
{"seats": [{"workstation", "public_key", "attempt", "ticket", "id_number"}], "package_bytes", "state"}, where
`state` is what the product tells a seat and is told here with the floor's own step, journal and key.
"""

import base64
import hmac
import json
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, Response, request

from exam_rooms.protocol import Route, session_message
from server.cli.bench.floor_groups import Groups
from server.cli.bench.floor_login_store import (
    ASSIGNED,
    CONFIRMED,
    IDENTIFIED,
    READY,
    STANDING,
    TICKET,
    Act,
    OnPostgres,
    number_mac,
    opened,
)
from server.cli.bench.floor_token import holder, is_fresh, nonce_of, token_of

TOKEN_LIFE = timedelta(hours=12)
KEY_BYTES = 32
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
STRANGER, NOT_NOW = 403, 409
"""What a refused request gets: not theirs, or not the step that the attempt is at."""


class Logins:
    """The routes and what they know."""

    def __init__(self, plan: dict[str, Any]) -> None:
        told = plan["logins"]
        self._secret = plan["secret"].encode()
        self._keys = {
            seat["workstation"]: Ed25519PublicKey.from_public_bytes(base64.b64decode(seat["public_key"]))
            for seat in told["seats"]
        }
        self._homes = {seat["workstation"]: seat["attempt"] for seat in told["seats"]}
        self._package, self._shown = os.urandom(told["package_bytes"]), told["state"]
        self._section = base64.b64encode(hmac.digest(self._secret, b"section", "sha256")).decode()
        self._store = opened(plan["store"])
        self._groups = Groups(self._keep)

    def _keep(self, acts: list[Act]) -> None:
        if isinstance(self._store, OnPostgres):
            self._store.keep(acts)
        else:
            gevent.get_hub().threadpool.apply(self._store.keep, (acts,))

    def challenge(self) -> Response:
        """A nonce to sign."""
        return _json({"nonce": nonce_of(self._secret, time.time())})

    def session(self) -> Response:
        """A bearer token for who signs our nonce with the workstation's key."""
        asked, now = request.get_json(), datetime.now(UTC)
        number, nonce = asked["workstation"], asked["nonce"]
        key = self._keys.get(number)
        try:
            if key is None or not is_fresh(self._secret, nonce, now.timestamp()):
                return Response(status=STRANGER)
            key.verify(base64.b64decode(asked["signature"]), session_message(number, nonce))
        except (InvalidSignature, ValueError):
            return Response(status=STRANGER)
        stamps = {"expires_at": (now + TOKEN_LIFE).isoformat(), "server_time": now.isoformat()}
        return _json({"token": token_of(self._secret, number), **stamps})

    def sign_in(self) -> Response:
        """Ticket and ID number, at the workstation of that ticket."""
        caller, asked = self._caller(), request.get_json()
        found = self._store.row(TICKET, asked["ticket"])
        if found is None:
            return Response(status=STRANGER)
        attempt, workstation, number = found
        same = hmac.compare_digest(number, number_mac(self._secret, asked["id_number"]))
        if workstation != caller or not same:
            return Response(status=STRANGER)
        return self._moved(Act(attempt, ASSIGNED, IDENTIFIED, said=_said("signed_in", caller, attempt)))

    def confirm(self) -> Response:
        """This is me."""
        caller = self._caller()
        attempt = self._homes.get(caller, 0)
        if not request.get_json()["is_me"]:
            return Response(status=NOT_NOW)  # nobody is there to look at them again
        return self._moved(Act(attempt, IDENTIFIED, CONFIRMED, said=_said("confirmed", caller, attempt)))

    def accept(self) -> Response:
        """The rules."""
        caller, asked = self._caller(), request.get_json()
        attempt = self._homes.get(caller, 0)
        said = _said("accepted", caller, attempt, rules=asked["rules_version"])
        return self._moved(Act(attempt, CONFIRMED, READY, said=said))

    def journals(self) -> Response:
        """A journal number and a key."""
        attempt = request.get_json()["attempt"]
        if self._homes.get(self._caller()) != attempt:
            return Response(status=STRANGER)
        act = Act(attempt, READY, READY, grants=1)
        self._groups.append([act])
        if act.journal is None:
            return Response(status=NOT_NOW)
        key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        grant = {"attempt": attempt, "journal": act.journal, "parent": "", "key": key}
        return _json({**grant, "records": [], "proof": ""})

    def package(self) -> Response:
        """As many bytes as the product's sealed package."""
        if self._caller() not in self._homes:
            return Response(status=STRANGER)
        return Response(self._package, mimetype="application/octet-stream")

    def state(self) -> Response:
        """What the seat shows; the section's key once it has a journal."""
        attempt = self._homes.get(self._caller(), 0)
        found = self._store.row(STANDING, attempt)
        if found is None:
            return Response(status=STRANGER)
        state, journal = found
        return self._told(attempt, state, journal)

    def _caller(self) -> int:
        return holder(self._secret, request.headers["Authorization"][7:])

    def _moved(self, act: Act) -> Response:
        """Answers once the act is durable."""
        self._groups.append([act])
        if act.journal is None:
            return Response(status=NOT_NOW if act.attempt else STRANGER)
        return self._told(act.attempt, act.becomes, act.journal)

    def _told(self, attempt: int, step: str, journal: int) -> Response:
        paper = {**self._shown["paper"], "key": self._section if journal else None}
        own = {"server_time": datetime.now(UTC).isoformat(), "step": step, "attempt": attempt}
        return _json({**self._shown, **own, "journal": journal, "paper": paper})


def _said(act: str, workstation: int, attempt: int, **details: str) -> str:
    """An entry's text."""
    at = datetime.now(UTC).isoformat()
    return json.dumps({"at": at, "who": workstation, "act": act, "attempt": attempt, "details": details})


def _json(body: dict[str, Any]) -> Response:
    return Response(_COMPACT.encode(body), mimetype="application/json")


def add_logins(app: Flask, plan: dict[str, Any]) -> None:
    """The routes of a candidate's way to the first question."""
    logins = Logins(plan)
    for path, view in (
        (Route.CHALLENGE, logins.challenge),
        (Route.SESSION, logins.session),
        (Route.SIGN_IN, logins.sign_in),
        (Route.CONFIRM, logins.confirm),
        (Route.ACCEPT, logins.accept),
        (Route.JOURNALS, logins.journals),
    ):
        app.add_url_rule(path, path, view, methods=["POST"])
    app.add_url_rule(Route.PACKAGE, Route.PACKAGE, logins.package)
    app.add_url_rule(Route.STATE, Route.STATE, logins.state)
