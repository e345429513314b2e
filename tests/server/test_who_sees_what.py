"""Every role tries every address of practical assessment, reviews, scripts and results, on full stages."""

import base64
import io
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, url_for
from flask.testing import FlaskClient
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from server.access import PUBLIC, Actor, Permission, Role
from server.db.assessing import ScoringDevice
from server.db.record import AuditEntry, AuditHead
from server.db.sittings import Candidate, Registration
from server.host import Host
from server.web.guard import declared
from tests.server.conftest import Machine
from tests.server.results_kit import id_number
from tests.server.sight_kit import KNOW_NAMES, MARCH, PANEL, STAGES, People, Place

SignIn = Callable[[Actor], FlaskClient]
Address = tuple[str, str, str]
"""Endpoint, method, address."""
DEFAULTS: Mapping[str, object] = {
    "act": "match", "component": "practical", "document": "minutes", "name": "national", "number": 1,
    "part": "body", "place": 0, "side": "candidate", "token": "none", "word": "call", "year": 2026,
}  # fmt: skip
IDS = (
    "batch_id", "candidate_id", "correction_id", "exemption_id", "file_id", "key_fix_id", "objection_id",
    "page_id", "photo_id", "reading_id", "recheck_id", "registration_id", "room_id", "room_sitting_id",
    "script_id", "station_id", "template_id", "turn_id", "attempt_id",
)  # fmt: skip
FORM: Mapping[str, str] = {
    "reason": "原因", "checked": "1", "seed": "s", "examiner": "1", "leader": "1", "out": "1", "into": "2",
    "joins": "1", "turn": "1", "act": "hand_in", "note": "x", "opinion": "x", "by": "1", "question": "x",
}  # fmt: skip
AS_SCRIPT = {"Accept": "application/json"}
"""A refusal without its page."""
CLOSED = (403, 404, 409)
"""Not theirs; nothing there; not before all sheets are locked."""
AROUND = ("/", "/audit", "/batches/{batch}", "/sittings/{room}", "/results/{room}", "/sittings/{room}/record")
TABLETS_ALONE = frozenset({"第一人的话", "第二人的话", "41.5"})
"""Marks that no page shows yet, only the tablet on which they were given."""
LOOKS = frozenset(
    {
        "order_list_shown",
        "panel_paper_printed",
        "review_printed",
        "scan_viewed",
        "script_register_printed",
        "template_read",
        "work_read",
    }
)
"""What stands on the record of somebody who only looked."""


BY_DUTY: Mapping[str, frozenset[str]] = {
    "assessments.board": KNOW_NAMES | PANEL | {"our supervisor"},
    "assessments.board_part": KNOW_NAMES | PANEL | {"our supervisor"},
    "assessments.order": KNOW_NAMES,
    "assessments.photo": KNOW_NAMES,
    "panel_members.show": PANEL,
    "panel_members.turn": frozenset({"our examiner 1"}),
    "panel_members.report_pdf": PANEL,
    "reviews.room": PANEL | KNOW_NAMES,
    "reviews.read": PANEL | {"administrator", "our administrator"},
    "reviews.turn": PANEL | KNOW_NAMES,
    "reviews.turn_pdf": PANEL | KNOW_NAMES,
    "script_marking.show": frozenset({"our reader"}),
    "script_marking.strip": frozenset({"our reader"}),
}
"""Pages that a permission alone does not open -> who gets in, strangers by role and people of the stage."""


@pytest.fixture(params=list(STAGES))
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(stage: str) -> Machine:
    return Machine(wall=MARCH) if stage in ("result", "public") else Machine()


@pytest.fixture
def place(stage: str, host: Host, person_as: People, machine: Machine) -> Place:
    return STAGES[stage](host, person_as, machine)


# --- the doors ------------------------------------------------------------------------------------------


@pytest.mark.dear
def test_everybody_gets_what_permission_and_duty_open_and_no_secret(
    app: Flask, place: Place, person_as: People, sign_in: SignIn
) -> None:
    """Every page by everybody, then every form: with words in it by who has no duty, empty by every role."""
    people = place.everybody(person_as)
    browsers = {name: sign_in(who) for name, who in people.items()}
    before, walk = _lengths(place), Walk(app, place, people)
    for name, browser in browsers.items():
        if not name.startswith("our "):  # what a role lacks its people on the stage lack too
            walk.closed(name, browser)
        walk.pages(name, browser)
        walk.around(name, browser)
    assert _acts(place, before) <= LOOKS
    assert {secret for secret in place.secrets if not walk.read[secret]} <= TABLETS_ALONE
    before = _lengths(place)
    walk.closed("nobody", app.test_client())
    for role in ("invigilator", "examiner", "supervisor"):
        walk.forms(role, browsers[role], FORM)
    assert not _acts(place, before)
    for role in Role:
        walk.forms(role, browsers[role], {})


@dataclass
class Walk:
    """Somebody goes from address to address. `read`: secret -> who has read it; `made`: papers that were made."""

    app: Flask
    place: Place
    people: Mapping[str, Actor]
    read: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    made: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.addresses = _addresses(self.app, self.place)

    def open_to(self, name: str, endpoint: str) -> bool:
        """Whether the table of permissions opens the address."""
        if endpoint in PUBLIC or name not in self.people:
            return endpoint in PUBLIC
        return self.people[name].can(Permission(declared(self.app.view_functions[endpoint])))

    def closed(self, name: str, browser: FlaskClient) -> None:
        """Whoever lacks the permission is turned away, whatever the method."""
        turned_away = (403,) if name in self.people else (302, 401)
        for endpoint, method, address in self.addresses:
            if not self.open_to(name, endpoint):
                answer = browser.open(address, method=method, headers=AS_SCRIPT)
                assert answer.status_code in turned_away, (name, address)

    def pages(self, name: str, browser: FlaskClient) -> None:
        """A permission opens a page, or duty does, and none tells what is not theirs."""
        for endpoint, method, address in self.addresses:
            if method == "POST" or address in self.made or not self.open_to(name, endpoint):
                continue
            answer = browser.get(address)
            _look(self.place, name, answer, self.read)
            opens = name in BY_DUTY.get(endpoint, {name})
            right = answer.status_code not in (401, 403) if opens else answer.status_code in CLOSED
            assert right and answer.status_code < 500, (name, address, answer.status_code)
            if address.endswith((".pdf", ".xlsx")) and answer.status_code == 200:
                self.made.add(address)  # a job makes it, the same for everybody: once is enough

    def around(self, name: str, browser: FlaskClient) -> None:
        """Other pages that look at the same batch and room."""
        ids = {"room": self.place.ids["room_sitting_id"], "batch": self.place.ids.get("batch_id", 1)}
        for address in AROUND if self.place.blind else ():
            _look(self.place, name, browser.get(address.format(**ids)), self.read)

    def forms(self, name: str, browser: FlaskClient, form: Mapping[str, str]) -> None:
        """No form breaks anything."""
        for endpoint, method, address in self.addresses:
            if method == "POST" and self.open_to(name, endpoint):
                answer = browser.post(address, data=form, headers=AS_SCRIPT if not form else {})
                assert answer.status_code < 500, (name, address)


# --- what has no address of its own ---------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.parametrize("stage", ["panel"], indirect=True)
def test_a_tablet_is_given_its_own_examiners_marks_alone(
    place: Place, person_as: People, sign_in: SignIn
) -> None:
    read = defaultdict[str, set[str]](set)
    people = {name: who for name, who in place.everybody(person_as).items() if Role.EXAMINER in who.roles}
    for name, who in people.items():
        for device in (1, 2, 3):
            answer = sign_in(who).post("/scoring/data", json={"device": device, "known": {}})
            _look(place, name, answer, read)
    assert {secret: frozenset(who) for secret, who in read.items()} == place.secrets


@pytest.mark.parametrize("stage", ["sealed"], indirect=True)
def test_a_tablet_has_no_template_before_the_release(place: Place, sign_in: SignIn) -> None:
    with place.host.db.read() as session:
        assert not session.scalars(select(ScoringDevice.id)).all()
    browser = sign_in(place.people["examiner 1"])
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    device = browser.post("/scoring/devices", json={"public_key": spki, "label": "t"}).get_json()["device"]
    answer = browser.post("/scoring/data", json={"device": device, "known": {}})
    assert [room["template"] for room in answer.get_json()["rooms"]] == [None]
    assert not any(secret in _text(answer) for secret in place.secrets)


@pytest.mark.parametrize("stage", ["result", "public"], indirect=True)
def test_the_public_reads_a_result_once_it_is_published_and_no_id_number(
    stage: str, place: Place, client: FlaskClient
) -> None:
    with place.host.db.read() as session:
        found = select(Registration.ticket).join(Candidate).where(Candidate.name == "乙")
        ticket = session.scalars(found).one()
    for number in (1, 2):
        answer = client.post("/result", data={"ticket": ticket, "id_number": id_number(number)})
        assert ("59.5" in _text(answer)) is (stage == "public" and number == 2)
        assert id_number(2) not in _text(answer).replace(f'value="{id_number(number)}"', "")
    listed = client.get(f"/publicity/{place.ids.get('token', 'x' * 43)}")
    assert listed.status_code == (200 if stage == "public" else 404)
    assert not any(id_number(number) in _text(listed) for number in (1, 2, 3, 4))
    assert ("59.5" in _text(listed)) is (stage == "public")


# --- parts ----------------------------------------------------------------------------------------------


def _look(place: Place, name: str, answer: TestResponse, read: dict[str, set[str]]) -> None:
    """Fails when the answer tells this person what is not theirs; notes who has read which secret."""
    text = _text(answer)
    for secret, allowed in place.secrets.items():
        if secret in text:
            assert name in allowed, (name, answer.request.path, secret)
            read[secret].add(name)
    if name not in KNOW_NAMES and any(code in text for code in place.codes):
        assert not any(each in text for each in place.names), (name, answer.request.path)


def _text(answer: TestResponse) -> str:
    """The words of a page, a list of values, a paper or a workbook."""
    if answer.status_code == 200 and answer.mimetype == "application/pdf":
        return "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(answer.data)).pages)
    if answer.status_code == 200 and "spreadsheetml" in answer.mimetype:
        sheets = load_workbook(io.BytesIO(answer.data)).worksheets
        return " ".join(str(cell) for sheet in sheets for row in sheet.values for cell in row)
    if answer.is_json:
        return json.dumps(answer.get_json(), ensure_ascii=False)
    return answer.get_data(as_text=True) if answer.mimetype.startswith("text/") else ""


def _addresses(app: Flask, place: Place) -> list[Address]:
    """Every rule of the place's blueprints with real ids."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if rule.endpoint.split(".")[0] in place.blueprints:
                address = url_for(rule.endpoint, **_values(rule, place))
                methods = sorted({"GET", "POST"} & (rule.methods or set()))
                found += [(rule.endpoint, method, address) for method in methods]
    return found


def _values(rule: Rule, place: Place) -> dict[str, Any]:
    known = dict.fromkeys(IDS, 1) | DEFAULTS | place.ids
    return {name: known[name] for name in rule.arguments}


def _lengths(place: Place) -> dict[str, int]:
    """How long all chains are: whatever counts stands in one."""
    with place.host.db.read() as session:
        return dict(session.execute(select(AuditHead.stream, AuditHead.seq)).all())


def _acts(place: Place, before: Mapping[str, int]) -> set[str]:
    """What was done since."""
    with place.host.db.read() as session:
        entries = session.scalars(select(AuditEntry))
        return {entry.act for entry in entries if entry.seq > before.get(entry.stream, 0)}
