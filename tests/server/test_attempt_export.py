"""Exports, their proof without a server, the command line, the pages of rescue and the room's record."""

import base64
import io
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from client.seat import receipt_text
from exam_rooms.attempt_proof import export_message
from exam_rooms.protocol import Receipt, RecordKind, receipt_message
from exam_rooms.wire import decode
from server.access import Actor
from server.cli import main
from server.cli.rehearse.staff import Address
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.documents import document_pdf
from server.live.watch import Watch
from server.services import attempt_export, commands, room_record
from server.services.attempt_export import Sources
from server.services.commands import Credit
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.rescue_kit import device_of, rescue_file

Examhall = Callable[..., Result]


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def two(app: Flask, scene: Scene) -> TestAgent:
    """Seat 2 waits for the start."""
    return seated(app, scene, "2")["2"]


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine, two: TestAgent) -> TestAgent:
    """Seat 1 has answered two questions and handed in."""
    one = seated(app, scene, "1")["1"]
    machine.advance(minutes=10)
    scene.start()
    one.state()
    one.open_journal()
    one.answer(1)
    one.answer(2)
    one.sent()
    machine.advance(minutes=60)
    one.write(RecordKind.SUBMIT)
    one.sent()
    return one


def exported(scene: Scene, *attempts: int) -> bytes:
    sources = Sources(scene.host.answers, scene.host.site)
    data: bytes = scene.write(attempt_export.export, scene.chief, sources, list(attempts))
    return data


def receipt_of(scene: Scene, seat: str = "1") -> Receipt:
    return decode(Receipt, scene.attempt(seat).receipt)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Examhall:
    """A machine without a server, a key or a database."""

    def opened(*, writes: bool) -> None:
        raise AssertionError("there is no server here")

    monkeypatch.setattr("server.cli.attempt.opened", opened)
    return lambda *given: CliRunner().invoke(main, ["attempt", *map(str, given)])


@pytest.fixture
def examhall(host: Host, monkeypatch: pytest.MonkeyPatch) -> Examhall:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        yield host

    monkeypatch.setattr("server.cli.attempt.opened", opened)
    return lambda *given: CliRunner().invoke(main, ["attempt", *map(str, given)])


def test_a_paper_is_proved_from_its_export_and_the_candidates_receipt_alone(
    agent: TestAgent, scene: Scene, away: Examhall, tmp_path: Path
) -> None:
    file, note = tmp_path / "export.json", tmp_path / "receipt.txt"
    file.write_bytes(exported(scene, agent.attempt))
    note.write_text(receipt_text(receipt_of(scene)))
    done = away("verify", file, "--receipt", note, "--site-key", scene.host.site.public_key.hex(), "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["good"], found["wrong"]) == (0, True, [])
    (paper,) = found["attempts"]
    assert (paper["records"], paper["proven"], paper["beside"], paper["answered"]) == (4, 4, 0, 2)
    assert paper["faults"] == []
    assert "完整" in away("verify", file).stdout


def test_one_altered_record_is_named(agent: TestAgent, scene: Scene, away: Examhall, tmp_path: Path) -> None:
    document = json.loads(exported(scene, agent.attempt))
    document["attempts"][0]["records"][1]["record"]["item"] = "item-5"
    file = tmp_path / "export.json"
    file.write_text(json.dumps(document))
    done = away("verify", file, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["good"]) == (1, False)
    assert {"attempt": 0, "code": "export_signature"} in found["wrong"]
    assert {"journal": 1, "seq": 2, "code": "hash"} in found["attempts"][0]["faults"]
    assert "1-2" in away("verify", file).stdout


def test_an_export_that_the_site_signed_but_a_record_short_does_not_pass(
    agent: TestAgent, scene: Scene, away: Examhall, tmp_path: Path
) -> None:
    """Whoever holds the site's key can sign anything; the candidate's receipt still tells."""
    document = attempt_export.read(exported(scene, agent.attempt))
    (paper,) = document.attempts
    short = replace(document, attempts=(replace(paper, records=paper.records[:2] + paper.records[3:]),))
    signature = scene.host.site.signing_key.sign(export_message(short))
    short = replace(short, signature=base64.b64encode(signature).decode())
    found = attempt_export.check(short, receipt=receipt_of(scene))
    assert found.wrong == ()
    assert ("gap", 3) in {(fault.code, fault.seq) for fault in found.proofs[0].faults}


def test_receipts_that_do_not_belong(agent: TestAgent, scene: Scene) -> None:
    document = attempt_export.read(exported(scene, agent.attempt))
    mine = receipt_of(scene)
    forged = replace(mine, answered=5)
    assert attempt_export.check(document, receipt=forged).wrong == ((agent.attempt, "receipt_signature"),)
    other = replace(mine, attempt=99)
    signature = scene.host.site.signing_key.sign(receipt_message(other))
    other = replace(other, signature=base64.b64encode(signature).decode())
    assert attempt_export.check(document, receipt=other).wrong == ((99, "receipt_unknown"),)
    earlier = replace(mine, head="0" * 64, seq=1)
    signature = scene.host.site.signing_key.sign(receipt_message(earlier))
    earlier = replace(earlier, signature=base64.b64encode(signature).decode())
    assert attempt_export.check(document, receipt=earlier).wrong == ((agent.attempt, "receipt_other"),)
    strange = attempt_export.check(document, site_key=bytes(32))
    assert {code for _, code in strange.wrong} == {"site_key", "export_signature", "receipt_signature"}


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b'{"format": "other/1"}', b"\xff\xfe"])
def test_what_is_no_export_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="export_broken"):
        attempt_export.read(data)


@pytest.mark.parametrize("text", ["", "EXAMHALL-RECEIPT", "EXAMHALL-RECEIPT {", "EXAMHALL-RECEIPT []"])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="receipt_unreadable"):
        attempt_export.read_receipt(text)


def test_export_by_ticket_number_and_room(
    agent: TestAgent, scene: Scene, examhall: Examhall, tmp_path: Path
) -> None:
    file = tmp_path / "e.json"
    for given in ([scene.tickets["1"]], [str(agent.attempt)], ["--room", scene.room_sitting]):
        assert examhall("export", *given, "--out", file).exit_code == 0
        assert attempt_export.read(file.read_bytes()).attempts[0].attempt == agent.attempt
    assert len(attempt_export.read(file.read_bytes()).attempts) == 3
    assert "没有找到" in examhall("export", "nobody", "--out", file).stderr
    assert "准考证号" in examhall("export", "--out", file).stderr


def test_nobody_else_exports(agent: TestAgent, scene: Scene) -> None:
    with pytest.raises(Forbidden):
        scene.write(
            attempt_export.export, scene.invigilator, Sources(scene.host.answers, scene.host.site), [1]
        )


def test_the_export_names_nobody_and_shows_no_answer(agent: TestAgent, scene: Scene) -> None:
    text = exported(scene, agent.attempt).decode()
    assert "考生1" not in text
    assert "110101199" not in text
    assert '"response"' not in text


# --- bringing a file by the command line and the page -------------------------------------------------------


def test_import_on_the_command_line(
    app: Flask, scene: Scene, agent: TestAgent, examhall: Examhall, tmp_path: Path
) -> None:
    agent.answer(3)  # after handing in: kept, not counted
    file = tmp_path / "seat.exrs"
    file.write_bytes(rescue_file(scene.host, device_of(agent), [(agent, agent.records)]))
    looked = json.loads(examhall("import", file, "--dry-run", "--json").stdout)
    assert (looked["dry_run"], looked["taken"]) == (True, 1)
    done = examhall("import", file, "--json")
    (line,) = json.loads(done.stdout)["journals"]
    assert (done.exit_code, line["taken"], line["known"], line["not_counted"]) == (0, 1, 4, 1)
    assert "新记录 0 条，已有 5 条" in examhall("import", file).stdout
    (tmp_path / "bad.exrs").write_bytes(b"nonsense")
    assert "这不是应急文件" in examhall("import", tmp_path / "bad.exrs").stderr


@pytest.fixture
def running(app: Flask, host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that holds the data folder and listens where the settings say."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr("server.cli.attempt.server_runs", lambda _data: True)
    address = Address(f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("server.cli.attempt.server_address", lambda *_: address)
    yield
    server.shutdown()
    thread.join()


@pytest.mark.dear
def test_beside_a_running_server_the_file_goes_through_it(
    running: None, scene: Scene, agent: TestAgent, examhall: Examhall, tmp_path: Path
) -> None:
    agent.answer(3)
    file = tmp_path / "seat.exrs"
    file.write_bytes(rescue_file(scene.host, device_of(agent), [(agent, agent.records)]))
    name = scene.invigilator.name

    def typed(word: str) -> Result:
        asked = ["attempt", "import", str(file), "--user", name, "--json"]
        return CliRunner().invoke(main, asked, input=f"{word}\n")

    assert "服务器没有接受" in typed("wrong").stderr
    assert len(scene.host.answers.events(agent.attempt)) == 4
    done = typed(PASSWORD)
    assert (done.exit_code, json.loads(done.stdout)["taken"]) == (0, 1)
    file.write_bytes(b"nonsense")
    assert "这不是应急文件" in typed(PASSWORD).stderr


@pytest.mark.dear
def test_the_page_takes_a_file_and_says_what_became_of_it(
    scene: Scene, agent: TestAgent, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    agent.answer(3)
    data = rescue_file(scene.host, device_of(agent), [(agent, agent.records)])
    browser, place = sign_in(scene.invigilator), f"/monitor/{scene.room_sitting}/rescue"
    page = browser.post(place, data={"file": (io.BytesIO(data), "seat.exrs")})
    assert page.status_code == 200
    assert "收到新记录 1 条" in page.text and "1 条不计入" in page.text
    assert "没有新记录" in browser.post(place, data={"file": (io.BytesIO(data), "seat.exrs")}).text
    bad = browser.post(place, data={"file": (io.BytesIO(b"x"), "seat.exrs")})
    assert (bad.status_code, "这不是应急文件" in bad.text) == (422, True)
    answer = browser.post("/rescue", data={"file": (io.BytesIO(data), "seat.exrs"), "dry_run": "1"})
    assert answer.get_json()["journals"][0]["known"] == 5
    assert (
        browser.post("/rescue", data={"file": (io.BytesIO(b"x"), "a")}).get_json()["code"] == "rescue_not_one"
    )


def test_who_may_see_and_bring(scene: Scene, client_as: Callable[..., FlaskClient]) -> None:
    room = scene.room_sitting
    for role, status in (("administrator", 403), ("auditor", 403), ("chief_invigilator", 200)):
        assert client_as(role).get(f"/monitor/{room}/rescue").status_code == status
    assert client_as("invigilator").post(f"/results/{room}/attempts.json").status_code == 403
    assert client_as("chief_invigilator").get("/monitor/99/rescue").status_code == 404


def test_the_chief_takes_the_export_away(
    scene: Scene, agent: TestAgent, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    answer = sign_in(scene.chief).post(f"/results/{scene.room_sitting}/attempts.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert attempt_export.check(attempt_export.read(answer.data)).wrong == ()


def test_seats_that_are_away_are_listed_with_since_when_and_how_many(
    scene: Scene, agent: TestAgent, two: TestAgent, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(scene.invigilator)
    place = f"/monitor/{scene.room_sitting}"
    two.beat(waiting=3)
    assert "所有座位都连着" in browser.get(f"{place}/rescue").text
    machine.advance(seconds=9)
    Watch(scene.host).tick()
    machine.advance(minutes=7)
    page = browser.get(f"{place}/rescue").text
    assert "至少 3 条" in page and "7 分钟" in page and "应急文件" in page
    drawer = browser.get(f"{place}/seats/{scene.seats['2']}").text
    assert "断开" in drawer and "7 分钟" in drawer and "至少 3 条待传" in drawer


# --- the room's record ------------------------------------------------------------------------------------


def document(scene: Scene) -> dict[str, Any]:
    with scene.host.db.read() as session:
        zone = ZoneInfo("Asia/Shanghai")
        return room_record.document(session, scene.room_sitting, now=scene.host.now(), zone=zone)


def test_the_record_of_a_room_holds_receipts_moves_gaps_and_credits(
    scene: Scene, agent: TestAgent, two: TestAgent, machine: Machine
) -> None:
    attempt = scene.attempts["2"]
    two.beat()
    machine.advance(seconds=9)
    Watch(scene.host).tick()
    machine.advance(minutes=6)
    two.beat()
    scene.write(commands.move_seat, attempt, scene.seats["4"], Signed(scene.invigilator, "断电"))
    scene.write(
        commands.add_time, Credit(scene.room_sitting, attempt, "a" * 32), 6, scene.signed("断电 6 分钟")
    )
    data = document(scene)["data"]
    first = data["receipts"][0]
    head = agent.records[-1].hash
    assert (first["seat"], first["state"], first["answered"], first["head"]) == ("1", "交卷", "2", head)
    assert first["short"].replace("-", "").lower() == head[:12]
    texts = [(line["seat"], line["text"]) for line in data["events"]]
    assert ("4", "2 号换到 4 号：断电") in texts
    assert any(seat == "4" and text.startswith("断网 6.") for seat, text in texts)
    assert any("补时 6 分钟" in text and "断电 6 分钟" in text for _, text in texts)
    facts = dict(data["facts"])
    assert facts["应考／交卷／终止／缺考"].startswith("3／1／0／")


def test_the_record_prints_and_shows_the_receipt(scene: Scene, agent: TestAgent, tmp_path: Path) -> None:
    pdf = document_pdf(document(scene), lambda *_: None)["data"]
    file = tmp_path / "record.pdf"
    file.write_bytes(pdf)
    assert pdf.startswith(b"%PDF")
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "-layout", file, "-"], capture_output=True, check=True
        ).stdout.decode()
        assert agent.records[-1].hash[:32] in text


def test_the_record_comes_from_the_rooms_page(
    scene: Scene, agent: TestAgent, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    answer = sign_in(scene.invigilator).get(f"/monitor/{scene.room_sitting}/record.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
