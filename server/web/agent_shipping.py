"""What a paired standby fetches (docs/standby.md): the stores as they grow, and the sealed pictures.

Its token opens these routes and nothing else. What it gets is sealed where the stores are sealed, and clear
where they are clear; TLS keeps it from others on its way.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import IO, Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from exam_rooms.pairing import SECRET_BYTES, unspell
from exam_rooms.standby_messages import PullRequest, StandbyPairRequest
from server.db.evidence_store import FolderStore
from server.errors import NotFound, Refused
from server.rules.shipping import Shipment
from server.services import standby_pairing
from server.services.delivery import delivery_of
from server.services.shipping import STORES, Outbox
from server.web.agent_message import DOOR_MOST, read_message
from server.web.guard import agent_authenticated, current_host

bp = Blueprint("agent_shipping", __name__)
WAIT_SECONDS = 1.0
"""How long a pull waits for something new."""
LOOK_SECONDS = 0.05
FILES_MOST = 256
BYTES_MOST = 64 << 20
"""How much one answer carries, one file at least."""
CHUNK = 1 << 18
SETTLED_NS = 2_000_000_000
"""A folder that changed less than two seconds ago may change again within the same tick of its clock."""

Opened = list[tuple[str, Shipment, int, IO[bytes]]]
"""(store, file, its size, itself opened)."""


def authenticate() -> None:
    """Raises `Refused` (standby_unknown) unless the paired standby's token is shown."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise Refused("standby_unknown", 401)
    with current_host().db.read() as session:
        standby_pairing.bearer(session, token)


standby_only = agent_authenticated(authenticate)


@bp.post("/agent/standby/pair")
def pair() -> dict[str, Any]:
    """A standby brings its one-time code and gets a token; failed tries of an address are counted."""
    host, moment = current_host(), time.monotonic()
    key, tries = f"pair|{request.remote_addr}", delivery_of(host).tries
    if tries.wait_seconds(key, moment) > 0:
        raise Refused("too_many_tries", 429, minutes=5)
    try:
        asked = read_message(request.environ, StandbyPairRequest, DOOR_MOST)
        address = standby_pairing.usable_address(asked.address)
        paired = host.db.write(
            standby_pairing.pair, _secret(asked.secret), asked.name, address, now=host.now()
        )
    except Refused:
        tries.failed(key, moment)
        raise
    host.shipping.forget()
    return {"standby": paired.standby, "token": paired.token}


@bp.post("/agent/standby/pull")
@standby_only
def pull() -> Response:
    """One line of JSON (`lineage`; `behind`: seconds, or null; `files`), then the bytes of the files."""
    shipping, asked = current_host().shipping, read_message(request.environ, PullRequest, DOOR_MOST)
    outbox, lineage = shipping.outbox, shipping.outbox.lineage()
    have = _numbers(asked.have) if lineage and asked.lineage == lineage else {}
    if not outbox.holds(have):
        shipping.lost, lineage, have = True, "", {}
    shipping.confirmed(have)
    behind = shipping.behind(have)
    with ExitStack() as stack:
        opened = _wait_for(outbox, have, stack) if lineage else _nothing()
        listed = [
            {"store": store, "level": one.level, "name": one.name.rpartition("/")[2], "size": size}
            for store, one, size, _file in opened
        ]
        header = json.dumps({"lineage": lineage, "behind": behind, "files": listed}).encode() + b"\n"
        files = [(file, size) for _store, _one, size, file in opened]
        response = Response(_body(header, files), mimetype="application/octet-stream")
        response.content_length = len(header) + sum(size for _file, size in files)
        response.call_on_close(stack.pop_all().close)
    return response


@bp.get("/agent/standby/pictures")
@standby_only
def picture_folders() -> dict[str, int]:
    """Folder -> a number that changes with what lies in it."""
    now = time.time_ns()
    folders = _pictures().folders()
    return {name: at if now - at > SETTLED_NS else now for name, at in folders.items()}


@bp.get("/agent/standby/pictures/<folder>")
@standby_only
def pictures(folder: str) -> dict[str, list[str]]:
    """The names in a folder."""
    try:
        return {"names": _pictures().names_in(folder)}
    except ValueError as fault:
        raise NotFound("picture") from fault


@bp.get("/agent/standby/pictures/<folder>/<name>")
@standby_only
def picture(folder: str, name: str) -> Response:
    """One picture as it lies in the store: sealed."""
    try:
        sealed = _pictures().get(name) if folder else None
    except ValueError as fault:
        raise NotFound("picture") from fault
    if sealed is None:
        raise NotFound("picture")
    return Response(sealed, mimetype="application/octet-stream")


def _pictures() -> FolderStore:
    return FolderStore(current_host().settings.evidence)


def _secret(text: str) -> bytes:
    try:
        secret = unspell(text)
    except ValueError as fault:
        raise Refused("pairing_code_invalid", 403) from fault
    if len(secret) != SECRET_BYTES:
        raise Refused("pairing_code_invalid", 403)
    return secret


def _numbers(found: Mapping[str, int]) -> dict[str, int]:
    return {store: found[store] for store in STORES if found.get(store, 0) > 0}


def _nothing() -> Opened:
    time.sleep(WAIT_SECONDS)  # the outbox is being begun
    return []


def _wait_for(outbox: Outbox, have: dict[str, int], stack: ExitStack) -> Opened:
    end = time.monotonic() + WAIT_SECONDS
    opened = _open(outbox, have, stack)
    while not opened and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        opened = _open(outbox, have, stack)
    return opened


def _open(outbox: Outbox, have: dict[str, int], stack: ExitStack) -> Opened:
    """Opens what the standby lacks: an opened file may be retired meanwhile without harm."""
    opened: Opened = []
    room = BYTES_MOST
    for store in STORES:
        for shipment in outbox.after(store, have.get(store, 0)):
            if opened and (len(opened) >= FILES_MOST or room <= 0):
                return opened
            try:
                file = stack.enter_context(outbox.path(store, shipment).open("rb"))
            except FileNotFoundError:
                break  # merged since it was listed: the next pull sees that
            size = file.seek(0, 2)
            file.seek(0)
            opened.append((store, shipment, size, file))
            room -= size
    return opened


def _body(header: bytes, files: list[tuple[IO[bytes], int]]) -> Iterator[bytes]:
    yield header
    for file, size in files:
        left = size
        while left:
            chunk = file.read(min(left, CHUNK))
            if not chunk:
                return  # cut short: the standby sees less than was announced
            left -= len(chunk)
            yield chunk
