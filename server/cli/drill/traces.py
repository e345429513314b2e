"""What is kept when a drill lost something: which choice at which seat and moment, and everybody's journals.

The candidates are fictional and so are their answers.
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.cli.drill.ledger import Given, Question
from server.cli.drill.room import Room
from server.db.answers import AnswerStore


def keep_traces(room: Room, store: AnswerStore, folder: Path, lost: list[tuple[Question, list[int]]]) -> None:
    """Writes `lost.json` and copies what the workstations hold into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [_told(room, store, question, places) for question, places in lost]
    (folder / "lost.json").write_text(json.dumps(found, ensure_ascii=False, indent=1))
    for place in room.places.values():
        shutil.copytree(place.folder, folder / f"workstation-{place.number}", dirs_exist_ok=True)


def _told(room: Room, store: AnswerStore, question: Question, places: list[int]) -> dict[str, Any]:
    attempt, item = question
    given = room.notes.ledger.given[question]
    return {
        "attempt": attempt,
        "item": item,
        "lost": places,
        "given": [_choice(choice) for choice in given],
        "stored": [
            [event.record.journal, event.record.seq, event.received_at.isoformat()]
            for event in store.events(attempt)
            if event.record.item == item
        ],
    }


def _choice(choice: Given) -> dict[str, Any]:
    moment = datetime.fromtimestamp(choice.moment, UTC).isoformat() if choice.acknowledged else None
    return {"response": choice.response, "fault": choice.fault, "seat": choice.seat, "saved_at": moment}
