"""Pairings and journals whose answers are rescued."""

import base64
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.books import Books
from client.device import Device
from exam_rooms import rescue as form
from exam_rooms.protocol import Record, SeatState, Step
from itembank.letters import new_letter_key, open_letter
from tests.client.books_kit import NOW

SECRET = bytes(range(32))
SITE_PRIVATE, SITE_PUBLIC = new_letter_key()
TICKS = count()


def device(workstation: int = 3, rescue_key: bytes = SITE_PUBLIC) -> Device:
    return Device(
        workstation=workstation,
        room="一号考场",
        seat="12",
        server="https://server:8443",
        private_key=b64(Ed25519PrivateKey.generate().private_bytes_raw()),
        journal_key=b64(SECRET),
        site_key=b64(bytes(32)),
        ca_pem="",
        rescue_key=b64(rescue_key),
    )


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def opened(data: bytes) -> tuple[form.RescueFile, tuple[Record, ...]]:
    file = form.take_apart(data)
    return file, form.read_body(open_letter(SITE_PRIVATE, file.body, file.head_bytes))


def own(books: Books, attempt: int = 7) -> tuple[Record, ...]:
    journal = books.newest(attempt)
    assert journal is not None
    return journal.records


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


ELSEWHERE = SeatState(1, NOW, "12", Step.SIGN_IN)
