"""An examiner's tablet in Python: it chains records, signs locks and talks with the routes as the page does."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient

from server.rules.sheet_chain import SheetRecord, lock_text

SALT = "0123456789abcdef"
Action = Mapping[str, Any]


def deduct(item: str, code: str, count: int = 1) -> Action:
    return {"act": "deduct", "item": item, "code": code, "count": count}


def points(item: str, given: str) -> Action:
    return {"act": "points", "item": item, "points": given}


def lock(total: str) -> Action:
    return {"act": "lock", "total": total}


def body(action: Action, at: str = "2026-11-21T08:30:00.000Z") -> str:
    return json.dumps({"action": action, "at": at, "salt": SALT}, ensure_ascii=False)


def chained(place: tuple[str, int, int, str], text: str) -> SheetRecord:
    """The record with this body at (sheet, journal, seq, head before)."""
    sheet, journal, seq, prev = place
    bare = SheetRecord(sheet, journal, seq, text, prev, "")
    return SheetRecord(sheet, journal, seq, text, prev, bare.digest())


@dataclass
class Tablet:
    """One browser of one examiner. `sent` holds every record by (sheet, journal)."""

    client: FlaskClient
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    device: int = 0
    picture: dict[str, Any] = field(default_factory=dict)
    ends: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)

    def register(self) -> "Tablet":
        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        answer = self.post("devices", {"public_key": base64.b64encode(spki).decode(), "label": "test"})
        self.device = answer["device"]
        return self

    def post(self, path: str, data: Any, status: int = 200) -> Any:
        answer = self.client.post(f"/scoring/{path}", json=data)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def look(self, known: Mapping[str, int] | None = None) -> dict[str, Any]:
        self.picture = self.post("data", {"device": self.device, "known": dict(known or {})})
        return self.picture

    def turn(self, number: int) -> dict[str, Any]:
        return next(t for room in self.picture["rooms"] for t in room["turns"] if t["number"] == number)

    def record(self, number: int, action: Action, *, text: str = "") -> SheetRecord:
        """The next record of a turn's sheet; it counts as sent from now on."""
        sheet = self.turn(number)["sheet"]
        place = sheet["uid"], sheet["journal"]["journal"]
        seq, head = self.ends.get(place, (sheet["journal"]["seq"], sheet["journal"]["head"]))
        made = chained((*place, seq + 1, head), text or body(action))
        self.ends[place] = made.seq, made.hash
        return self.signed(made) if action.get("act") == "lock" else made

    def signed(self, record: SheetRecord) -> SheetRecord:
        r, s = decode_dss_signature(self.key.sign(lock_text(record), ec.ECDSA(SHA256())))
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        fields = {name: getattr(record, name) for name in record.__slots__}
        return SheetRecord(**fields | {"signature": base64.b64encode(raw).decode()})

    def send(self, *records: SheetRecord) -> list[dict[str, Any]]:
        rows = [{name: getattr(record, name) for name in record.__slots__} for record in records]
        return self.post("records", {"device": self.device, "records": rows})["acks"]

    def mark(self, number: int, *actions: Action) -> list[dict[str, Any]]:
        return self.send(*(self.record(number, action) for action in actions))


def outcomes(acks: list[dict[str, Any]]) -> list[str]:
    return [f"{ack['outcome']} {ack['code']}".strip() for ack in acks]
