"""Page and roster of one room's sitting; files are real, jobs children."""

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Candidate, Registration
from server.host import Host
from server.services import batches
from tests.server import desk, preparing
from tests.server.desk import page, said, send
from tests.server.kept_stage import once
from tests.server.sitting_kit import HEAD, PEOPLE, Sitting, id_number


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
    @pytest.mark.dear
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
