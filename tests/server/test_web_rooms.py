"""Rooms from files and the pairing page, through the browser's eyes."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from exam_rooms.pairing import decode_code
from server.access import Actor
from server.db.rooms import PairingCode, Room, Seat, Workstation
from server.host import Host
from server.services import pairing, rooms
from server.services.signed import Signed
from tests.server import desk, preparing
from tests.server.desk import page, said, send

HEAD = ["考场", "座位号", "行", "列", "x(米)", "y(米)", "类型"]
SMART_SAMPLE = (preparing.SAMPLES / "room_smart_24.csv").read_bytes()
SAMPLE = (preparing.SAMPLES / "room_standard_30.csv").read_bytes()


def seat(number: object, row: int, column: int, **changed: object) -> list[object]:
    values = {"room": "一号", "x": column * 1.5, "y": row * 1.5, "kind": "普通", **changed}
    return [values["room"], number, row, column, values["x"], values["y"], values["kind"]]


def grid(count: int) -> list[list[object]]:
    return [seat(number, number // 8 + 1, number % 8 + 1) for number in range(count)]


@pytest.fixture
def crew(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


@pytest.fixture
def admin(crew: preparing.Crew, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(crew.administrator)


class TestImport:
    @pytest.mark.parametrize("language", ["zh", "en"])
    @pytest.mark.parametrize("make", [desk.csv, lambda rows: desk.xlsx({"考场": rows})])
    def test_a_good_file_becomes_a_drawing(
        self, host: Host, admin: FlaskClient, make: Callable[..., bytes], language: str
    ) -> None:
        admin.set_cookie("language", language)
        answer = send(admin, "/rooms", make([HEAD, *grid(12), seat("S1", 9, 1, kind="备用")]), "room.xlsx")
        assert answer.status_code == 302
        shown = admin.get(answer.location)
        assert shown.status_code == 200
        assert page(shown).count('class="seat"') == 13
        assert desk.counts(host, Room, Seat) == [1, 13]
        assert admin.get("/rooms").status_code == 200

    def test_the_sample(self, host: Host, admin: FlaskClient) -> None:
        shown = page(admin.get(send(admin, "/rooms", SAMPLE, "room.csv").location))
        assert "30 个普通座位，3 个备用座位" in shown
        assert "讲台" in shown

    def test_the_smart_sample_shows_its_kind_and_cameras(self, host: Host, admin: FlaskClient) -> None:
        answer = send(admin, "/rooms", SMART_SAMPLE, "room.csv")
        shown = page(admin.get(answer.location))
        assert "已添加 1 个考场，其中智能考场 1 个，摄像头 27 个。" in shown
        assert "智能考场" in shown
        assert "27 个座位有，0 个没有" in shown
        assert "CAM-07" in shown
        assert "CAM-07" in page(admin.get(f"{answer.location}/pairing"))
        assert re.search(r"智能考场</td>.*?>27<", page(admin.get("/rooms")), re.DOTALL)
        with host.db.read() as session:
            stored = session.scalars(select(Room)).one()
            assert (stored.kind, stored.seats[6].camera) == ("smart", "CAM-07")
            assert rooms.map_of(stored).cameras[:2] == ("CAM-01", "CAM-02")

    def test_a_smart_room_with_bare_seats_is_taken_with_a_warning(
        self, host: Host, admin: FlaskClient
    ) -> None:
        rows = [[*seat(1, 1, 1), "智能", "CAM-1"], [*seat(2, 1, 2), "", ""]]
        answer = send(admin, "/rooms", desk.csv([[*HEAD, "考场类型", "摄像头"], *rows]), "room.csv")
        assert said("seats_without_camera", room="一号", n=1, seats="2") in page(admin.get(answer.location))
        assert desk.counts(host, Room, Seat) == [1, 2]

    def test_the_standard_sample_shows_no_cameras(self, admin: FlaskClient) -> None:
        answer = send(admin, "/rooms", SAMPLE, "room.csv")
        for path in (answer.location, f"{answer.location}/pairing"):
            shown = page(admin.get(path)).replace("考场摄像头", "")  # the room's own may watch any room
            assert "摄像头" not in shown

    @pytest.mark.parametrize(("kind", "data"), [("standard", SAMPLE), ("smart", SMART_SAMPLE)])
    def test_example_files_are_offered_and_can_be_imported(
        self, host: Host, admin: FlaskClient, kind: str, data: bytes
    ) -> None:
        assert f"/rooms/example/{kind}.csv" in page(admin.get("/rooms"))
        answer = admin.get(f"/rooms/example/{kind}.csv")
        assert answer.data == data
        assert "attachment" in answer.headers["Content-Disposition"]
        assert send(admin, "/rooms", answer.data, "room.csv").status_code == 302
        assert admin.get("/rooms/example/other.csv").status_code == 404

    @pytest.mark.parametrize(
        ("rows", "line", "reason"),
        [
            ([seat(1, 1, 1), seat(1, 1, 2)], "第 3 行", "座位号 1 与"),
            (
                [seat(1, 1, 1), seat(2, 1, 2, x=1.6)],
                "",
                said("seats_too_close", seat=2, other=1, gap="0.1", least="0.8", rule="R19"),
            ),
            (grid(61), "", said("too_many_seats", room="一号", seats=61, most=60, rule="R17")),
            ([seat(1, 1, 1, x="甲")], "第 2 行", said("cell_not_a_number", column="x(米)", value="甲")),
            ([seat(1, 1, 1, kind="沙发")], "第 2 行", said("room_line_kind", column="类型", value="沙发")),
            ([seat("", 1, 1)], "第 2 行", said("cell_missing", column="座位号")),
            ([], "", said("rooms_without_rows")),
        ],
    )
    def test_a_wrong_plan_is_refused_whole_with_row_and_reason(
        self, host: Host, admin: FlaskClient, rows: list[list[object]], line: str, reason: str
    ) -> None:
        for data in (desk.csv([HEAD, *rows]), desk.xlsx({"考场": [HEAD, *rows]})):
            answer = send(admin, "/rooms", data, "room.csv")
            assert answer.status_code == 422
            entry = next((part for part in page(answer).split("<li>") if reason in part), "")
            assert entry, page(answer)
            assert line in entry
            assert desk.counts(host, Room, Seat) == [0, 0]

    def test_one_wrong_room_refuses_the_other_too(self, host: Host, admin: FlaskClient) -> None:
        rows = [HEAD, *grid(4), seat(1, 1, 1, room="二号"), seat(1, 2, 1, room="二号")]
        assert send(admin, "/rooms", desk.csv(rows), "room.csv").status_code == 422
        assert desk.counts(host, Room) == [0]

    def test_a_name_is_taken_once(self, host: Host, admin: FlaskClient) -> None:
        send(admin, "/rooms", SAMPLE, "room.csv")
        answer = send(admin, "/rooms", SAMPLE, "room.csv")
        assert said("room_name_taken", name="示例标准考场") in page(answer)
        assert desk.counts(host, Room) == [1]

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (desk.BINARY, said("file_binary", name="a.csv")),
            (desk.HTML_AS_XLS, said("file_is_web_page", name="a.csv")),
            (b"", said("file_empty", name="a.csv")),
            (desk.csv([["姓名", "单位"], ["张", "甲"]]), "没有找到表头"),
            (desk.csv([HEAD[:4], ["一号", 1, 1, 1]]), said("heading_missing", column="x")),
        ],
    )
    def test_other_files(self, host: Host, admin: FlaskClient, data: bytes, reason: str) -> None:
        answer = send(admin, "/rooms", data, "a.csv")
        assert answer.status_code in {409, 422}
        assert reason in page(answer)
        assert desk.counts(host, Room) == [0]

    @pytest.mark.parametrize("role", ["custodian", "chief_invigilator", "invigilator", "auditor"])
    def test_others_only_look(self, host: Host, crew: preparing.Crew, client_as, role: str) -> None:
        room, browser = preparing.room(host, crew.administrator), client_as(role)
        assert browser.get("/rooms").status_code == 200
        assert browser.get(f"/rooms/{room}").status_code == 200
        assert send(browser, "/rooms", SAMPLE, "room.csv").status_code == 403
        assert browser.post(f"/rooms/{room}/delete").status_code == 403

    def test_bank_keepers_do_not(self, client_as: Callable[..., FlaskClient]) -> None:
        assert client_as("bank_keeper").get("/rooms").status_code == 403


class TestDelete:
    def test_an_unused_room_goes_with_its_seats(
        self, host: Host, admin: FlaskClient, crew: preparing.Crew
    ) -> None:
        room = preparing.room(host, crew.administrator)
        assert "删除考场“示例标准考场”？" in page(admin.get(f"/rooms/{room}"))
        assert admin.post(f"/rooms/{room}/delete").location == "/rooms"
        assert desk.counts(host, Room, Seat) == [0, 0]

    def test_a_used_one_stays(self, host: Host, person_as, sign_in) -> None:
        stage = preparing.staged(host, person_as)
        browser = sign_in(stage.crew.administrator)
        assert "删除考场" not in page(browser.get(f"/rooms/{stage.room}"))
        answer = browser.post(f"/rooms/{stage.room}/delete")
        assert said("room_in_use", name="示例标准考场") in page(answer)
        assert desk.counts(host, Room) == [1]

    @pytest.mark.both_stores
    def test_paired_machines_go_first(self, host: Host, admin: FlaskClient, crew: preparing.Crew) -> None:
        room = preparing.room(host, crew.administrator)
        with host.db.read() as session:
            first = session.scalars(select(Seat.id)).first()
        pair(host, crew.administrator, first)
        answer = admin.post(f"/rooms/{room}/delete")
        assert said("room_has_workstations", name="示例标准考场") in page(answer)
        admin.post(f"/rooms/{room}/pairing/{first}/release")
        assert admin.post(f"/rooms/{room}/delete").status_code == 302
        assert desk.counts(host, Room, Seat, Workstation, PairingCode) == [0, 0, 0, 0]


def pair(host: Host, who: Actor, seat_id: int, hostname: str = "pc-01") -> None:
    fingerprint = host.site.ca_fingerprint
    code = host.db.write(pairing.issue_code, Signed(who), seat_id, fingerprint, now=host.now())
    agent = pairing.AgentKey(b"k" * 32, hostname, "0.1")
    host.db.write(pairing.pair, decode_code(code)[0], agent, now=host.now())


class TestPairing:
    @pytest.fixture
    def room(self, host: Host, crew: preparing.Crew) -> int:
        return preparing.room(host, crew.administrator)

    def codes(self, answer: TestResponse) -> dict[str, str]:
        return dict(re.findall(r'data-seat="([^"]+)">([^<]+)<', page(answer)))

    def test_codes_are_shown_once_and_work(
        self, host: Host, crew: preparing.Crew, sign_in: Callable[[Actor], FlaskClient], room: int
    ) -> None:
        browser, path = sign_in(crew.invigilator), f"/rooms/{room}/pairing"
        assert self.codes(browser.get(path)) == {}
        shown = self.codes(browser.post(f"{path}/codes"))
        assert len(shown) == len(set(shown.values())) == 33
        assert self.codes(browser.get(path)) == {}
        secret, fingerprint = decode_code(shown["05"])
        assert fingerprint == host.site.ca_fingerprint
        paired = host.db.write(pairing.pair, secret, pairing.AgentKey(b"k" * 32, "pc-05", ""), now=host.now())
        assert paired.seat == "05"
        text = page(browser.get(path))
        assert "pc-05" in text
        with host.db.read() as session:
            stored = session.scalars(select(PairingCode.secret_index)).all()
        assert not set(stored) & {code.replace("-", "").lower() for code in shown.values()}

    def test_one_more_code_kills_the_older_one_of_the_seat(
        self, host: Host, crew: preparing.Crew, sign_in: Callable[[Actor], FlaskClient], room: int
    ) -> None:
        browser, path = sign_in(crew.chief), f"/rooms/{room}/pairing"
        with host.db.read() as session:
            first = session.scalars(select(Seat.id)).first()
        old, new = (self.codes(browser.post(f"{path}/{first}/code")) for _ in range(2))
        assert list(old) == list(new) == ["01"]
        from server.errors import Refused

        with pytest.raises(Refused):
            agent = pairing.AgentKey(b"k" * 32, "pc", "")
            host.db.write(pairing.pair, decode_code(old["01"])[0], agent, now=host.now())

    def test_paired_seats_get_no_code_unasked(
        self, host: Host, crew: preparing.Crew, admin: FlaskClient, room: int
    ) -> None:
        with host.db.read() as session:
            first = session.scalars(select(Seat.id)).first()
        pair(host, crew.administrator, first)
        assert "01" not in self.codes(admin.post(f"/rooms/{room}/pairing/codes"))

    def test_a_seat_is_set_free(
        self, host: Host, crew: preparing.Crew, admin: FlaskClient, room: int
    ) -> None:
        with host.db.read() as session:
            first = session.scalars(select(Seat.id)).first()
        pair(host, crew.administrator, first)
        path = f"/rooms/{room}/pairing"
        assert "解除 01 号座位的配对？" in page(admin.get(path))
        assert admin.post(f"{path}/{first}/release").location == path
        assert "pc-01" not in page(admin.get(path))
        again = admin.post(f"{path}/{first}/release")
        assert said("seat_not_paired", seat="01") in page(again)

    @pytest.mark.parametrize("role", ["custodian", "auditor", "bank_keeper"])
    def test_others_cannot(self, client_as: Callable[..., FlaskClient], room: int, role: str) -> None:
        browser, path = client_as(role), f"/rooms/{room}/pairing"
        assert browser.get(path).status_code == 403
        assert browser.post(f"{path}/codes").status_code == 403
        assert browser.post(f"{path}/1/code").status_code == 403
        assert browser.post(f"{path}/1/release").status_code == 403

    def test_seats_and_rooms_that_do_not_exist(self, admin: FlaskClient, room: int) -> None:
        assert admin.get("/rooms/99/pairing").status_code == 404
        assert admin.post(f"/rooms/{room}/pairing/999/code").status_code == 404
