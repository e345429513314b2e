"""The examiner's tablet (`/scoring`): a page that works without the server, and what it talks with.

The page, its scripts and styles are kept by a service worker; what it sends comes here as records and photos.
The page itself holds nothing of anybody: it may be kept by a browser.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeVar

from flask import Blueprint, jsonify, render_template, request
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response

from exam_rooms.wire import WireError, decode
from server.access import Permission
from server.errors import Refused, sentence
from server.rules.sheet_chain import SheetRecord
from server.services import scoring_devices, sheet_desk, sheet_photos, sheets
from server.services.sheet_photos import Announced
from server.web.guard import actor, current_host, requires, say
from server.web.incident_reports import jpeg
from server.web.language import language

bp = Blueprint("scoring", __name__)
M = TypeVar("M")
SCOPE = "/scoring"
MESSAGE_MOST = 2 << 20
"""Bytes of a batch of records: as many as may be sent at once, each as long as it may be."""
STYLES = ("tokens", "base", "icons", "parts", "scoring")
SCRIPTS = "js/scoring"
LIBRARIES = ("js/words.js", "vendor/htm-preact.js")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A tablet's public key: SPKI DER of P-256 in base64."""

    public_key: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class DataRequest:
    """Which tablet asks, and how many records of each sheet it has."""

    device: int
    known: dict[str, int]


@dataclass(frozen=True, slots=True)
class RecordsRequest:
    """A batch of records of one tablet."""

    device: int
    records: tuple[SheetRecord, ...]


# --- the page ------------------------------------------------------------------------------------------


@bp.get("/scoring/")
@requires(Permission.SCORE_SHEETS)
def page() -> str:
    """The page without anybody's data: the same for everyone in one language."""
    styles = [f"css/{name}.css" for name in STYLES]
    main = f"{SCRIPTS}/main.js"
    return render_template("scoring/page.html", styles=styles, script=main, version=_version())


@bp.get("/scoring/worker.js")
@requires(Permission.SCORE_SHEETS)
def worker() -> Response:
    """The service worker, told which files make the page; another file is another version."""
    shell = {"page": f"{SCOPE}/", "version": _version(), "files": _hashes()}
    body = f"const SHELL = {json.dumps(shell)};\n{_static('js/scoring/worker.js').read_text()}"
    response = Response(body, mimetype="text/javascript")
    response.headers["Service-Worker-Allowed"] = SCOPE
    return response


def _static(name: str) -> Traversable:
    return files("server") / "static" / name


@cache
def _names() -> tuple[str, ...]:
    scripts = sorted(
        f"{SCRIPTS}/{file.name}"
        for file in _static(SCRIPTS).iterdir()
        if file.name.endswith(".js") and file.name != "worker.js"
    )
    return (*(f"css/{name}.css" for name in STYLES), *scripts, *LIBRARIES)


@cache
def _version() -> str:
    """A hash over the files of the page."""
    return hashlib.sha256(json.dumps(_hashes()).encode()).hexdigest()[:16]


@cache
def _hashes() -> dict[str, str]:
    """SHA-256 in hex of each file of the page, by its address."""
    return {f"/static/{name}": hashlib.sha256(_static(name).read_bytes()).hexdigest() for name in _names()}


# --- what the page talks with ---------------------------------------------------------------------------


@bp.get("/scoring/me")
@requires(Permission.SCORE_SHEETS)
def me() -> Response:
    """Who is signed in, with the token that requests need."""
    who = actor()
    return jsonify(user=who.user_id, name=who.name, csrf=generate_csrf(), language=language())


@bp.post("/scoring/devices")
@requires(Permission.SCORE_SHEETS)
def register() -> Response:
    """Binds the tablet's key to who is signed in."""
    asked, host = _message(DeviceRequest), current_host()
    try:
        spki = base64.b64decode(asked.public_key, validate=True)
    except ValueError as fault:
        raise Refused("device_key_wrong", 422) from fault
    device = host.db.write(scoring_devices.register, actor(), (spki, asked.label), now=host.now())
    return jsonify(device=device)


@bp.post("/scoring/data")
@requires(Permission.SCORE_SHEETS)
def data() -> Response:
    """What the tablet shows; sheets and journals that it will need are made."""
    asked, host, who = _message(DataRequest), current_host(), actor()
    with host.db.read() as session:
        lacking = sheet_desk.lacking(session, who, asked.device, now=host.now())
    if lacking:
        host.db.write(sheet_desk.prepare, who, asked.device, now=host.now())
    with host.db.read() as session:
        return jsonify(sheet_desk.picture(session, who, asked.device, asked.known, now=host.now()))


@bp.post("/scoring/records")
@requires(Permission.SCORE_SHEETS)
def records() -> Response:
    """Takes records; the answer says what became of each, after they are durable."""
    asked, host = _message(RecordsRequest), current_host()
    acks = host.db.write(sheets.append, actor(), asked.device, asked.records, now=host.now())
    return jsonify(acks=[asdict(ack) | {"message": _told(ack)} for ack in acks])


def _told(ack: sheets.Ack) -> str:
    """Why a record does not count, in words; "" when what the words need is known no more."""
    if not ack.params and "%(" in sentence(ack.code):
        return ""
    return say(ack.code, ack.params) if ack.code else ""


@bp.post("/scoring/photos")
@requires(Permission.SCORE_SHEETS)
def add_photo() -> Response:
    """Takes the bytes of a photo that a record announced; a child re-encodes them."""
    host, who = current_host(), actor()
    if (request.content_length or 0) > sheet_photos.BYTES_MOST:
        raise Refused("message_too_large", 413, limit_kb=sheet_photos.BYTES_MOST >> 10)
    sent = request.get_data()
    device = request.args.get("device", 0, type=int)
    photo = Announced(device, request.args.get("sheet", "")[:36], hashlib.sha256(sent).hexdigest())
    with host.db.read() as session:
        wanted = sheet_photos.expected(session, who, photo)
    if wanted:
        plain = host.jobs.run("read_report_photos", {"photo": sent})["photo"]
        host.db.write(sheet_photos.keep, who, photo, plain, now=host.now())
    return jsonify(sha256=photo.sha256)


@bp.get("/scoring/photos/<int:photo_id>")
@requires(Permission.SEE_PANELS)
def photo(photo_id: int) -> Response:
    """A photo of a sheet, once all sheets of its turn are locked."""
    host = current_host()
    return jpeg(host.db.write(sheet_photos.view, actor(), photo_id, now=host.now()))


def _message(kind: type[M]) -> M:
    request.max_content_length = MESSAGE_MOST
    try:
        return decode(kind, request.get_json(force=True, silent=True))
    except WireError as fault:
        raise Refused("message_malformed", 400, message=fault.message, fault=fault.fault) from fault
    except RecursionError as fault:  # brackets without end
        raise Refused("message_malformed", 400, message=kind.__name__, fault="depth") from fault
