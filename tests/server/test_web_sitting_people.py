"""Photos, staff and the draw of one room's sitting, through the page."""

import io
import zipfile
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from server.access import Actor
from server.db.sittings import Assignment, Attempt, Registration, RoomSitting, SeatStay
from server.host import Host
from server.services import batches
from tests.server import desk, preparing
from tests.server.desk import page, said
from tests.server.kept_stage import once
from tests.server.sitting_kit import HEAD, PEOPLE, Sitting, id_number


def picture(width: int = 358, height: int = 441, ending: str = ".jpg") -> bytes:
    noise = np.random.default_rng(7).integers(60, 200, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(ending, noise)[1].tobytes()


def archive(**pictures: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in pictures.items():
            packed.writestr(name.replace("__", "."), data)
    return out.getvalue()


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

    @pytest.mark.dear
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
