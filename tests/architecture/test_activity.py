"""Every line that a room's list of activity can show has its sentence."""

import ast
from pathlib import Path

import pytest

from exam_rooms.incidents import IncidentKind
from server.messages import MESSAGES
from server.rules.violations import CaseAct
from server.services import incidents
from server.web.acts import ACTS
from server.web.feed import QUIET
from tests.architecture.activity_codes import Module, Sources

SERVICES = "server.services."
KINDS = frozenset(kind.lower() for kind in IncidentKind)
KNOWN = {
    f"{SERVICES}incidents:outcome": frozenset(incidents.OUTCOMES),
    # An empty seat alone is explained by a leave (`incidents._note_leave`).
    f"{SERVICES}incidents:line_code(row)": frozenset(
        {*(f"incident_{kind}" for kind in KINDS), "incident_no_face_on_leave"}
    ),
    f"{SERVICES}desk_walkins:kind": frozenset({"moved", "unlisted"}),
    f"{SERVICES}case_file:done.act": frozenset(map(str, CaseAct)),
    f"{SERVICES}seb:{{SebState.GOOD: 'seb_proved', SebState.WRONG: 'seb_mismatched'}}.get(news.state, 'seb_left')": frozenset(
        {"seb_proved", "seb_mismatched", "seb_left"}
    ),
}
"""What only data tells; the set beside it is the one that the code checks against."""


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources(Path(__file__).parents[2] / "server", KNOWN)


def missing(codes: set[str]) -> list[str]:
    return sorted(code for code in codes if code not in MESSAGES)


def test_every_line_that_is_told_to_a_monitor_has_its_sentence(sources: Sources) -> None:
    told = sources.calls("server.events.Activity")
    codes = {code for module, call in told for code in sources.argument(module, call, 1, "code")}
    assert len(told) > 20 and {"line_room_started", "line_seats_paused", "incident_no_face"} <= codes
    assert missing(codes) == []


def test_every_act_in_the_record_of_a_sitting_has_its_words(sources: Sources) -> None:
    """The list is made of that record again when a page is opened: by its sentence, else by the act's word."""
    recorded = [
        (module, call)
        for module, call in sources.calls(f"{SERVICES}audit.record")
        if _in_a_sitting(module, call)
    ]
    acts = {act for module, call in recorded for act in sources.argument(module, call, 3, "act")}
    assert len(recorded) > 40 and {"room_started", "seating_locked", "desk_passed"} <= acts
    assert sorted(act for act in acts if act not in ACTS) == []
    assert set(QUIET) <= acts


def test_every_kind_of_incident_has_its_line() -> None:
    assert missing({f"incident_{kind}" for kind in KINDS} | {"incident_no_face_on_leave"}) == []


def _in_a_sitting(module: Module, call: ast.Call) -> bool:
    return any("sitting_stream" in ast.unparse(function) for function in module.around[call])


SAMPLE = """
from server.events import Activity

WORDS = {"a": "one", "b": "two"}


def tell(session, act, *, loud=False):
    line = (f"line_{act}", ())
    emit(session, Activity(1, *line))


def first(session, many):
    act = "opened" if many else "closed"
    tell(session, act)


def second(session, key):
    tell(session, WORDS[key] + "_more")
"""


def test_codes_are_followed_through_names_parameters_and_calls(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "part.py").write_text(SAMPLE, encoding="utf-8")
    found = Sources(folder, {})
    ((module, call),) = found.calls("server.events.Activity")
    assert found.argument(module, call, 1, "code") == {
        "line_opened",
        "line_closed",
        "line_one_more",
        "line_two_more",
    }
