"""Roster, photos, staff and the draw of one room's sitting, through the page; files are real, jobs children."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from exam_rooms.identity import check_character
from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Assignment, Attempt, Candidate, Registration, RoomSitting, SeatStay
from server.host import Host
from server.services import batches
from tests.server import desk, preparing
from tests.server.desk import page, said, send
from tests.server.kept_stage import once

HEAD = ["姓名", "身份证号", "单位"]


def id_number(day: int, serial: int = 1) -> str:
    body = f"110000{date(1990, 1, 1).replace(day=day):%Y%m%d}{serial:03d}"
    return body + check_character(body)


PEOPLE = [
    ["示例甲", id_number(1), "一公司"],
    ["示例乙", id_number(2), "一公司"],
    ["㼆𠮷", id_number(3), "二公司"],
]


def picture(width: int = 358, height: int = 441, ending: str = ".jpg") -> bytes:
    noise = np.random.default_rng(7).integers(60, 200, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(ending, noise)[1].tobytes()


def archive(**pictures: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in pictures.items():
            packed.writestr(name.replace("__", "."), data)
    return out.getvalue()


@dataclass
class Sitting:
    """An administrator's browser at a planned room's sitting."""

    host: Host
    crew: preparing.Crew
    browser: FlaskClient
    id: int
    papers: int

    @property
    def path(self) -> str:
        return f"/sittings/{self.id}"

    def roster(self, rows: list[list[object]], name: str = "roster.xlsx") -> TestResponse:
        data = desk.xlsx({"名册": rows}) if name.endswith("xlsx") else desk.csv(rows)
        return send(self.browser, f"{self.path}/roster", data, name)

    def photos(self, data: bytes, **fields: str) -> TestResponse:
        return send(self.browser, f"{self.path}/photos", data, "photos.zip", **fields)

    def tickets(self) -> list[str]:
        with self.host.db.read() as session:
            return list(session.scalars(select(Registration.ticket).order_by(Registration.id)))


@pytest.fixture
def sitting(host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]) -> Sitting:
    crew = preparing.crew(person_as)

    def plan() -> tuple[int, int]:
        bank, blueprint = (
            preparing.bank(host, crew.administrator),
            preparing.blueprint(host, crew.administrator),
        )
        papers = preparing.paper_set(host, crew, bank, blueprint)
        facts = batches.BatchPlan("2026 年第 4 批", "baowei", 3)
        batch = host.db.write(batches.create, crew.administrator, facts, now=host.now())
        room = preparing.room(host, crew.administrator)
        return preparing.sitting(host, crew.administrator, batch, room, papers), papers

    held, papers = once(host, "planned", host.now(), plan)
    return Sitting(host, crew, sign_in(crew.administrator), held, papers)


class TestPage:
    @pytest.mark.parametrize(
        "role", ["administrator", "custodian", "chief_invigilator", "invigilator", "auditor"]
    )
    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_opens_before_and_after_for_those_who_see_batches(
        self, host: Host, person_as, client_as, role: str, language: str
    ) -> None:
        stage, browser = preparing.staged(host, person_as), client_as(role)
        browser.set_cookie("language", language)
        assert browser.get(f"/sittings/{stage.room_sitting}").status_code == 200
        preparing.release(host, stage)
        assert browser.get(f"/sittings/{stage.room_sitting}").status_code == 200

    def test_is_closed_to_bank_keepers(self, sitting: Sitting, client_as) -> None:
        assert client_as("bank_keeper").get(sitting.path).status_code == 403
        assert sitting.browser.get("/sittings/99").status_code == 404

    @pytest.mark.parametrize("role", ["custodian", "chief_invigilator", "invigilator", "auditor"])
    def test_only_administrators_change_it(self, sitting: Sitting, client_as, role: str) -> None:
        browser = client_as(role)
        for act in ("roster", "photos"):
            assert send(browser, f"{sitting.path}/{act}", b"x", "a").status_code == 403
        for act in ("seating", "package"):
            assert browser.post(f"{sitting.path}/{act}").status_code == 403

    @pytest.mark.parametrize(
        ("role", "named"), [("administrator", True), ("chief_invigilator", False), ("invigilator", False)]
    )
    def test_names_candidates_to_those_who_prepare_and_counts_them_to_others(
        self, sitting: Sitting, client_as, role: str, named: bool
    ) -> None:
        sitting.roster([HEAD, *PEOPLE])
        shown = page(client_as(role).get(sitting.path))
        assert "3 名考生" in shown
        for person in PEOPLE:
            assert (person[0] in shown) is named
        assert ("*" * 8 in shown) is named

    def test_names_the_next_step(self, sitting: Sitting) -> None:
        def step() -> str:
            line = next(
                part for part in page(sitting.browser.get(sitting.path)).split("<li") if "下一步" in part
            )
            return line.split("<h3>")[1].split("</h3>")[0]

        assert step() == "考生名册"
        sitting.roster([HEAD, *PEOPLE])
        assert step() == "监考安排"


class TestRoster:
    @pytest.mark.both_stores
    @pytest.mark.parametrize("name", ["roster.xlsx", "roster.csv"])
    def test_a_good_one_gives_tickets_of_the_local_day(
        self, host: Host, machine, sitting: Sitting, name: str
    ) -> None:
        assert sitting.roster([HEAD, *PEOPLE], name).location == sitting.path
        shown = page(sitting.browser.get(sitting.path))
        assert "㼆𠮷" in shown
        assert PEOPLE[0][1] not in shown
        assert [ticket[:6] for ticket in sitting.tickets()] == ["261121"] * 3

    def test_the_day_is_the_sites_not_utc(self, host: Host, sitting: Sitting) -> None:
        def move(session) -> None:
            from datetime import UTC, datetime

            from server.db.sittings import Sitting as Row

            session.scalars(select(Row)).one().starts_at = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)

        host.db.write(move)
        sitting.roster([HEAD, *PEOPLE])
        assert {ticket[:6] for ticket in sitting.tickets()} == {"261122"}

    def test_a_second_file_goes_on_counting(self, sitting: Sitting) -> None:
        sitting.roster([HEAD, *PEOPLE[:2]])
        sitting.roster([HEAD, PEOPLE[2]])
        assert len(set(sitting.tickets())) == 3

    def test_given_tickets_are_kept_and_passed_over(self, sitting: Sitting) -> None:
        sitting.roster([HEAD, PEOPLE[0]])
        second = sitting.tickets()[0]
        from server.rules.tickets import ticket_number

        next_one = ticket_number(date(2026, 11, 21), 1, 3)
        sitting.roster([[*HEAD, "准考证号"], [*PEOPLE[1], next_one]])
        sitting.roster([HEAD, PEOPLE[2]])
        tickets = sitting.tickets()
        assert tickets[0] == second
        assert tickets[1] == next_one
        assert len(set(tickets)) == 3

    @pytest.mark.parametrize(
        ("rows", "places"),
        [
            ([["张三", id_number(1)[:-1] + "?", ""]], [("第 2 行", "身份证号")]),
            (
                [["张三", id_number(1)[:-1] + ("0" if id_number(1)[-1] != "0" else "1"), ""]],
                [("第 2 行", "校验位")],
            ),
            ([["", id_number(1), ""]], [("第 2 行", said("name_missing", column="姓名"))]),
            ([["张三", "", ""]], [("第 2 行", said("id_missing", column="身份证号"))]),
            ([["张三", "110101900101001", ""]], [("第 2 行", said("id_15_digits", column="身份证号"))]),
            (
                [PEOPLE[0], ["张三", PEOPLE[0][1], ""]],
                [("第 3 行", said("id_twice", column="身份证号", first="名册 第 2 行"))],
            ),
            (
                [["", id_number(1), ""], ["李?", id_number(2), ""]],
                [("第 2 行", "“姓名”为空"), ("第 3 行", "原来的字已丢失")],
            ),
        ],
    )
    def test_wrong_rows_refuse_all_with_row_and_reason(
        self, host: Host, sitting: Sitting, rows: list[list[object]], places: list[tuple[str, str]]
    ) -> None:
        answer = sitting.roster([HEAD, *rows, ["好人", id_number(9), ""]])
        assert answer.status_code == 422
        entries = page(answer).split("<li>")
        for line, reason in places:
            assert any(line in entry and reason in entry for entry in entries), page(answer)
        assert desk.counts(host, Registration, Candidate) == [0, 0]

    def test_a_numeric_id_cell_is_refused_because_digits_are_lost(self, host: Host, sitting: Sitting) -> None:
        answer = sitting.roster([HEAD, ["张三", int(id_number(1, 2)[:17] + "0"), ""]])
        assert answer.status_code == 422
        assert said("id_as_number", column="身份证号") in page(answer)
        answer = sitting.roster([HEAD, ["张三", "1.10000199E+17", ""]], "roster.csv")
        assert said("id_as_number", column="身份证号") in page(answer)
        assert desk.counts(host, Registration, Candidate) == [0, 0]

    def test_no_id_number_stands_in_a_refusal(self, sitting: Sitting) -> None:
        wrong = id_number(1)[:-1] + ("0" if id_number(1)[-1] != "0" else "1")
        assert wrong not in page(sitting.roster([HEAD, ["张三", wrong, ""]]))

    def test_the_same_candidate_again_and_another_name(self, host: Host, sitting: Sitting) -> None:
        sitting.roster([HEAD, *PEOPLE])
        before = desk.counts(host, Registration, Candidate, AuditEntry)
        again = sitting.roster([HEAD, ["新人", id_number(8), ""], PEOPLE[0]])
        assert again.status_code == 422
        place, ticket = "名册 第 3 行", sitting.tickets()[0]
        assert said("already_registered", place=place, name="示例甲", ticket=ticket) in page(again)
        renamed = sitting.roster([HEAD, ["另一个名字", PEOPLE[0][1], ""]])
        assert said("name_differs_from_record", place="名册 第 2 行", name="另一个名字") in page(renamed)
        taken = sitting.roster([[*HEAD, "准考证号"], ["新人", id_number(8), "", ticket]])
        assert said("ticket_taken", place="名册 第 2 行", ticket=ticket) in page(taken)
        assert desk.counts(host, Registration, Candidate, AuditEntry) == before

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (desk.BINARY, said("file_binary", name="a.csv")),
            (desk.HTML_AS_XLS, said("file_is_web_page", name="a.csv")),
            (desk.xlsx({"名册": [HEAD, *PEOPLE]})[:-100], said("workbook_broken", name="a.csv")),
            (b"", said("file_empty", name="a.csv")),
            (desk.csv([HEAD]), said("roster_without_rows")),
            (desk.csv([["考场", "座位号"], ["一", "1"]]), "没有找到表头"),
            (desk.csv([["姓名", "单位"], ["一", "1"]]), said("heading_missing", column="身份证号")),
        ],
    )
    def test_other_files(self, host: Host, sitting: Sitting, data: bytes, reason: str) -> None:
        answer = send(sitting.browser, f"{sitting.path}/roster", data, "a.csv")
        assert answer.status_code in {409, 422}
        assert reason in page(answer)
        assert desk.counts(host, Registration) == [0]

    def test_after_the_draw_it_is_closed(self, host: Host, sitting: Sitting) -> None:
        sitting.roster([HEAD, *PEOPLE])
        sitting.browser.post(f"{sitting.path}/seating")
        answer = sitting.roster([HEAD, ["新人", id_number(8), ""]])
        assert said("sitting_already_arranged") in page(answer)
        assert desk.counts(host, Registration) == [3]


class TestPhotos:
    @pytest.fixture
    def filled(self, sitting: Sitting) -> Sitting:
        sitting.roster([HEAD, *PEOPLE])
        return sitting

    def stored(self, host: Host) -> int:
        with host.db.read() as session:
            return len(session.scalars(select(Registration.id).where(Registration.has_photo.is_(True))).all())

    def test_found_by_ticket_and_by_id_number(self, host: Host, filled: Sitting) -> None:
        names = {
            f"{filled.tickets()[0]}__jpg": picture(),
            f"{PEOPLE[1][1].lower()}__png": picture(ending=".png"),
        }
        assert filled.photos(archive(**names)).location == filled.path
        assert self.stored(host) == 2

    def test_one_wrong_picture_keeps_all_out_until_it_is_to_be_skipped(
        self, host: Host, filled: Sitting
    ) -> None:
        first, second, third = filled.tickets()
        data = archive(
            **{
                f"{first}__jpg": picture(),
                f"{second}__jpg": b"no picture at all",
                f"{third}__jpg": picture(40, 40),
                "nobody__jpg": picture(),
            }
        )
        answer = filled.photos(data)
        assert answer.status_code == 422
        entries = page(answer).split("<li>")
        for name, reason in (
            (second, said("picture_not_jpeg_or_png")),
            (third, "图片尺寸过小"),
            ("nobody", said("photo_of_nobody")),
        ):
            assert any(name in entry and reason in entry for entry in entries), page(answer)
        assert self.stored(host) == 0
        assert filled.photos(data, good_photos="1").status_code == 302
        assert self.stored(host) == 1

    def test_two_of_one_name(self, host: Host, filled: Sitting) -> None:
        ticket = filled.tickets()[0]
        answer = filled.photos(
            archive(**{f"a/{ticket}__jpg": picture(), f"b/{ticket}__png": picture(ending=".png")})
        )
        assert said("photo_twice") in page(answer)
        assert self.stored(host) == 0

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (archive(x__jpg=picture())[:-40], "zip_damaged"),
            (b"PK\x03\x04 broken", "zip_damaged"),
            (desk.BINARY, "zip_damaged"),
            (archive(readme__txt=b"hello"), "photos_missing"),
        ],
    )
    def test_other_files(self, host: Host, filled: Sitting, data: bytes, code: str) -> None:
        answer = filled.photos(data)
        assert answer.status_code in {409, 422}
        assert said(code, file="photos.zip") in page(answer)
        assert self.stored(host) == 0

    def test_a_picture_changed_inside_the_zip(self, host: Host, filled: Sitting) -> None:
        name = f"{filled.tickets()[0]}.jpg"
        data = bytearray(archive(**{name.replace(".", "__"): picture()}))
        at = data.index(name.encode()) + len(name) + 2000
        data[at : at + 8] = b"XXXXXXXX"
        answer = filled.photos(bytes(data))
        assert said("zip_damaged", file="photos.zip") in page(answer)
        assert self.stored(host) == 0


class TestStaff:
    def test_who_serves_is_kept_and_counted(self, host: Host, sitting: Sitting) -> None:
        crew = sitting.crew
        duties = [
            f"{crew.chief.user_id}/chief_invigilator",
            f"{crew.invigilator.user_id}/invigilator",
            f"{crew.second.user_id}/invigilator",
            "",
        ]
        assert sitting.browser.post(f"{sitting.path}/staffing", data={"duty": duties}).status_code == 302
        assert f'value="{duties[0]}" selected' in page(sitting.browser.get(f"{sitting.path}/staffing"))
        assert "监考员 2 / 2 人" in page(sitting.browser.get(sitting.path))
        sitting.browser.post(f"{sitting.path}/staffing", data={"duty": duties[1:2]})
        assert "缺主考" in page(sitting.browser.get(sitting.path))
        assert desk.counts(host, Assignment) == [1]

    @pytest.mark.parametrize(
        "duty", ["invigilator/chief_invigilator", "chief/custodian", "chief/king", "x/invigilator"]
    )
    def test_only_in_a_role_they_hold(self, host: Host, sitting: Sitting, duty: str) -> None:
        who, role = duty.split("/")
        user = getattr(sitting.crew, who).user_id if who != "x" else "x"
        answer = sitting.browser.post(f"{sitting.path}/staffing", data={"duty": f"{user}/{role}"})
        assert answer.status_code == 422
        assert said("duty_without_role") in page(answer)
        assert desk.counts(host, Assignment) == [0]


class TestDraw:
    def draw(self, sitting: Sitting, seed: str = "") -> TestResponse:
        return sitting.browser.post(f"{sitting.path}/seating", data={"seed": seed})

    def test_seats_everybody_once(self, host: Host, sitting: Sitting) -> None:
        sitting.roster([HEAD, *PEOPLE])
        assert self.draw(sitting, "seed-1").status_code == 302
        shown = page(sitting.browser.get(sitting.path))
        assert "seed-1" in shown
        assert desk.counts(host, Attempt, SeatStay) == [3, 3]
        assert self.draw(sitting, "seed-2").status_code == 302
        assert desk.counts(host, Attempt, SeatStay) == [3, 3]

        def lock(session) -> None:
            session.get_one(RoomSitting, sitting.id).locked_at = host.now()

        host.db.write(lock)
        again = self.draw(sitting, "seed-3")
        assert again.status_code == 409
        assert said("draw_locked", room="示例标准考场") in page(again)
        with host.db.read() as session:
            assert session.get_one(RoomSitting, sitting.id).seating_seed == "seed-2"

    def test_without_candidates(self, host: Host, sitting: Sitting) -> None:
        answer = self.draw(sitting)
        assert said("roster_empty") in page(answer)
        assert desk.counts(host, Attempt) == [0]

    def test_without_papers(self, host: Host, sitting: Sitting) -> None:
        from server.db.sittings import Sitting as Row

        sitting.roster([HEAD, *PEOPLE])

        def take_away(session) -> None:
            session.scalars(select(Row)).one().paper_set_id = None

        host.db.write(take_away)
        answer = self.draw(sitting)
        assert said("papers_missing") in page(answer)
        assert desk.counts(host, Attempt, SeatStay) == [0, 0]

    def test_more_people_than_seats(self, host: Host, sitting: Sitting) -> None:
        people = [[f"考生{chr(0x4E00 + n)}", id_number(n % 28 + 1, n), ""] for n in range(1, 32)]
        assert sitting.roster([HEAD, *people]).status_code == 302
        answer = self.draw(sitting)
        assert said("seating_too_many_people", people=31, seats=30) in page(answer)
        assert desk.counts(host, Attempt) == [0]

    def test_a_seed_too_long(self, sitting: Sitting) -> None:
        answer = self.draw(sitting, "s" * 41)
        assert said("field_too_long", field="种子", limit=40) in page(answer)
