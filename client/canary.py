"""Answering the canary paper as a candidate would: the shelf opens it, the journal keeps the answers.

Nothing here is a short cut: the package goes through `Shelf`, the order through its shuffling, each response
through the form's rules, each record through a journal file on this disk that is read back. Only the folder
and the keys are of this moment alone.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from client.journal import Journal, Stamps
from client.journal_file import JournalFault
from client.paper import Paper, PaperFault, Shelf
from exam_rooms.kiosk_messages import CheckPlan
from exam_rooms.protocol import ZERO_HEAD, JournalReply, PaperView, Record, RecordKind
from exam_rooms.wire import canonical, encode
from itembank.canary_answers import CanaryUnreadable, Response, answer_key, instructed, map_digest
from itembank.sealing import new_key
from itembank.version import VERSION

_ATTEMPT, _JOURNAL = 0, 1
"""No attempt and no journal of the server has these numbers."""


@dataclass(frozen=True, slots=True)
class Sat:
    """A paper sat: its records (base64 of canonical JSON) and the digest of what was shown; or why not."""

    answers: tuple[str, ...] = ()
    shown: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where it is sat: an empty folder on the agent's disk, the site's public key, the agent's version."""

    folder: Path
    site_key: bytes
    stamps: Stamps
    software: str = VERSION


def sit(plan: CheckPlan, desk: Desk) -> Sat:
    """Opens the plan's paper as its round would see it, answers what it asks for, hands in. Never raises for
    what the paper or the disk does: the code says what.
    """
    try:
        paper = _paper(plan, desk)
        form = json.loads(paper.json)
        responses = {item: _settled(paper, item, response) for item, response in instructed(form).items()}
        records = _written(plan, desk, responses)
        media = [hashlib.sha256(medium.data).hexdigest() for medium in paper.media.values()]
        return Sat(tuple(map(_text, records)), map_digest(form, media))
    except (PaperFault, JournalFault) as fault:
        return Sat(fault=fault.code)
    except CanaryUnreadable:
        return Sat(fault="question_unreadable")
    except OSError:
        return Sat(fault="disk_error")


def _paper(plan: CheckPlan, desk: Desk) -> Paper:
    data = _bytes(plan.canary)
    digest = hashlib.sha256(data).hexdigest()
    shelf = Shelf(desk.folder, desk.site_key, desk.software)
    shelf.store(data, digest)
    return shelf.open(PaperView("canary", digest, len(data), plan.canary_form, plan.canary_key), plan.ref)


def _settled(paper: Paper, item: str, response: Response) -> Response:
    settled = paper.settled(item, response)
    if not settled:
        raise PaperFault("answer_refused")
    return settled


def _written(plan: CheckPlan, desk: Desk, responses: dict[str, Response]) -> tuple[Record, ...]:
    """The records as they are read back from the disk."""
    device_key, key = new_key(), base64.b64encode(answer_key(_bytes(plan.canary_key))).decode()
    grant = JournalReply(_ATTEMPT, _JOURNAL, ZERO_HEAD, key)
    journal = Journal.create(desk.folder, device_key, grant, desk.stamps)
    try:
        for item, response in responses.items():
            journal.append(RecordKind.ANSWER, item, response)
        journal.append(RecordKind.SUBMIT)
    finally:
        journal.close()
    path = next(desk.folder.glob("*.journal"))
    again = Journal.open(path, device_key, desk.stamps)
    again.close()
    return again.records


def _text(record: Record) -> str:
    return base64.b64encode(canonical(encode(record))).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as fault:
        raise PaperFault("package_broken") from fault
