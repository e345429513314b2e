"""Pictures that came from a site, where people decide with them: in a case, and in the dossier."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.cases import Case
from server.db.sittings import Incident
from server.db.watching import EvidenceFrame
from server.host import Host
from server.jobs.dossier import dossier as pack_dossier
from server.rules.archive_check import verify
from server.services import case_file, cases, dossier, evidence, site_exchange, site_files, site_taking
from server.services.cases import Facts, Opening
from tests.server.conftest import Machine
from tests.server.site_kit import Pair, desk, hold_exam, make_pair, rows, scene_at_site, site_host
from tests.server.site_pictures_kit import PICTURE, back, carried, next_pictures, photographed

ZONE = ZoneInfo("Asia/Shanghai")
FIRST, SECOND = PICTURE + b"\0", PICTURE + b"\1"


@pytest.fixture
def pair(host: Host, tmp_path: Path, machine: Machine, person_as: Callable[..., Actor]) -> Iterator[Pair]:
    with site_host(tmp_path / "site", machine) as site:
        made = make_pair(host, site, machine, person_as)
        out = site_exchange.make_dispatch(desk(host), made.here[0], made.order)
        with host.db.read() as session:
            data = site_files.as_file(session, site_files.get(session, out.id))
        came = site_exchange.receive(desk(site), made.there[0], data)
        site_taking.take_in(desk(site), made.at_site(), came.id)
        hold_exam(made, {"1": 5})
        yield made


def of_another_room(pair: Pair) -> None:
    """An incident of the authority's own and its picture's row: numbers differ on both sides from here on."""

    def note(session: Any) -> None:
        room, now = pair.scene.room_sitting, pair.authority.now()
        row = Incident(room_sitting_id=room, kind="OTHER", severity=1, first_at=now, last_at=now)
        session.add(row)
        session.flush()
        place = {"room_sitting_id": room, "incident_id": row.id, "seat_id": pair.scene.seats["1"]}
        place |= {"attempt_id": pair.scene.attempts["1"], "workstation_id": pair.scene.workstations["1"]}
        times = {"taken_at": now, "announced_at": now, "keep_until": now}
        session.add(EvidenceFrame(**place, **times, purpose="alert", sha256="0" * 64, size=1))

    pair.authority.db.write(note)


def opened_at_site(pair: Pair) -> None:
    """The site's invigilator looks at the alert, opens a case and writes the facts down."""
    scene = scene_at_site(pair)
    with pair.site.db.read() as session:
        incident = session.scalars(select(Incident).where(Incident.kind == "GAZE_AWAY")).one()

    assert incident.attempt_id is not None

    def seen_by_a_person(session: Any) -> None:
        session.get_one(Incident, incident.id).details = {"recorded_by": scene.invigilator.user_id}

    pair.site.db.write(seen_by_a_person)
    opening = Opening(scene.room_sitting, incident.attempt_id, (incident.id,))
    case = scene.write(cases.open_case, scene.invigilator, opening)
    with pair.site.db.read() as session:
        happened_at = session.get_one(Case, case).happened_at
        articles = case_file.articles_for(session, session.get_one(Case, case), happened_at)
    facts = Facts("考生多次看向窗外。", happened_at, articles[0].number, "提醒后继续考试")
    scene.write(cases.state_facts, scene.invigilator, case, facts)


def frames_of(case: Case) -> list[int]:
    return [line["id"] for line in case.evidence if line["what"] == "frame"]


@pytest.mark.dear
def test_a_case_of_a_site_shows_the_sites_pictures_at_the_authority(
    pair: Pair, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    of_another_room(pair)
    photographed(pair, 2)
    opened_at_site(pair)
    back(pair)
    (case,) = rows(pair.authority, Case)
    wanted = {row.id: row for row in rows(pair.authority, EvidenceFrame) if row.sha256 != "0" * 64}
    assert sorted(frames_of(case)) == sorted(wanted)
    assert [line["id"] for line in case.evidence if line["what"] == "incident"] == [
        row.id for row in rows(pair.authority, Incident) if row.kind == "GAZE_AWAY"
    ]
    browser = sign_in(pair.scene.chief)
    page = browser.get(f"/cases/{case.id}")
    assert page.status_code == 200 and all(line in page.text for line in [wanted[n].sha256 for n in wanted])
    place = f"/cases/{case.id}/frames/"
    assert browser.get(f"{place}{min(wanted)}").status_code == 404, "results came, pictures did not yet"
    carried(pair, next_pictures(pair))
    assert [browser.get(f"{place}{number}").data for number in sorted(wanted)] == [
        FIRST,
        FIRST,
        SECOND,
        SECOND,
    ]
    back(pair)
    (again,) = rows(pair.authority, Case)
    assert sorted(frames_of(again)) == sorted(wanted)


@pytest.mark.dear
def test_the_dossier_of_a_room_that_was_at_a_site_holds_the_sites_pictures(pair: Pair) -> None:
    photographed(pair, 2)
    back(pair)
    carried(pair, next_pictures(pair))
    host, wish = pair.authority, dossier.Wish(pair.scene.room_sitting, with_frames=True)
    stores = dossier.Stores(host.answers, host.evidence, host.site, ZONE)
    pair.scene.write(dossier.ask, pair.scene.chief, wish)
    with host.db.read() as session:
        payload = dossier.work(session, pair.scene.chief, wish, stores, now=host.now())
    data = dossier.sealed_file(pack_dossier(payload, lambda *_: None), host.site)
    assert verify(data).good
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        files = {entry.filename: book.read(entry) for entry in book.infolist()}
    told = [json.loads(line) for line in files["5-evidence/tables/evidence_frames.jsonl"].splitlines()]
    inside = [
        host.vault.open_value(
            evidence.FRAME_PURPOSE, row["file"], files[f"5-evidence/frames/{row['file']}.sealed"]
        )
        for row in sorted(told, key=lambda row: row["id"])
    ]
    assert inside == [FIRST, FIRST, SECOND, SECOND]
    assert {row["attempt_id"] for row in told} == {pair.scene.attempts["1"]}
    proofs = json.loads(files["3-process/site-NJ-01.json"])
    assert len(proofs["chains"]) == 1
