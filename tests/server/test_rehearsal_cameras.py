"""Recorded cameras and staged scenes: real photos, seeded choices, an exchange that never leaves a hole."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.seatmap import RoomKind
from exam_rooms.watching import Likeness, WatchRules
from proctoring.frames import decode
from proctoring.observe import Eyes, enrol
from server.cli import demo
from server.cli.rehearse import rehearse
from server.cli.rehearse.cameras import FRAMES, RAISES, Cameras, Person, Scene, known_people
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.stage import Wish, fictional_people, import_photos, stage_sitting
from server.cli.rehearse.staging import SECONDS, Director, Take, complete, consents, planned, window_of
from server.host import Host
from server.services import rosters


@pytest.fixture(scope="module")
def people() -> tuple[Person, ...]:
    return known_people()


def cameras(folder: Path, people: tuple[Person, ...], seed: str = "1", seats: int = 4) -> Cameras:
    made = Cameras(folder, people, seed)
    for number in range(1, seats + 1):
        made.add(f"{number:02d}", f"CAM-{number:02d}")
    return made


def shown(folder: Path, seat: str) -> list[bytes]:
    return [(folder / f"seat-{seat}" / "now" / f"{number:03d}.jpg").read_bytes() for number in range(FRAMES)]


def test_the_sample_photos_show_several_people(people: tuple[Person, ...]) -> None:
    assert len(people) >= 3
    assert len({person.name for person in people}) == len(people)
    assert max(len(person.faces) for person in people) >= 2  # another photo to register with


@pytest.mark.dear
def test_without_photos_there_is_one_clear_sentence(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FleetFault, match="make setup"):
            known_people(folder)


@pytest.mark.dear
def test_a_camera_plays_different_pictures_that_follow_from_the_seed(
    tmp_path: Path, people: tuple[Person, ...]
) -> None:
    first = cameras(tmp_path / "a", people, seats=2)
    cameras(tmp_path / "b", people, seats=2)
    cameras(tmp_path / "c", people, "2", seats=2)
    assert len(first) == 2 and "01" in first and "03" not in first
    assert len(set(shown(tmp_path / "a", "01"))) == FRAMES
    assert shown(tmp_path / "a", "01") == shown(tmp_path / "b", "01") != shown(tmp_path / "c", "01")
    assert first.arguments("02") == (
        "--camera",
        str(tmp_path / "a" / "seat-02" / "now" / "%03d.jpg"),
        "--camera-id",
        "CAM-02",
    )
    assert first.arguments("03") == ()


@pytest.mark.dear
def test_scenes_show_what_they_are_called(tmp_path: Path, people: tuple[Person, ...]) -> None:
    made, eyes, rules = cameras(tmp_path, people, seats=2), Eyes(), WatchRules()
    assert eyes.unavailable == ()
    for seat in ("01", "02"):
        frames = [decode(data) for data in shown(tmp_path, seat)[:4]]
        enrolment = enrol(eyes, decode(made.registered(seat)), frames, rules)
        assert enrolment is not None
        assert enrolment.likeness is Likeness.MATCH
        seen = {}
        for scene in RAISES:
            made.record(seat, scene)
            made.show(seat, scene)
            look = eyes.observe(decode(shown(tmp_path, seat)[5]), enrolment.template, rules)
            seen[scene] = look.persons, str(look.quality.verdict), look.identity and look.identity.likeness
        assert seen[Scene.EMPTY] == (0, "good", None)
        assert seen[Scene.TWO][:2] == (2, "good")
        assert seen[Scene.STRANGER] == (1, "good", Likeness.MISMATCH)
        assert seen[Scene.COVERED] == (0, "covered", None)


@pytest.mark.dear
def test_neighbours_in_the_cast_differ_and_everybody_comes_again(
    tmp_path: Path, people: tuple[Person, ...]
) -> None:
    made = cameras(tmp_path, people, seats=len(people) + 1)
    photos = [made.registered(f"{number:02d}") for number in range(1, len(people) + 2)]
    assert all(one != other for one, other in pairwise(photos))


@pytest.mark.dear
def test_an_exchange_of_scenes_never_leaves_a_hole(tmp_path: Path, people: tuple[Person, ...]) -> None:
    made = cameras(tmp_path, people, seats=1)
    made.record("01", Scene.EMPTY)
    place = tmp_path / "seat-01"
    for scene in (Scene.EMPTY, Scene.NORMAL, Scene.EMPTY):
        made.show("01", scene)
        assert (place / "now").readlink() == Path(scene)
        assert sorted(path.name for path in place.iterdir()) == ["empty", "normal", "now"]


# --- when scenes are shown

SEATS = [f"{number:02d}" for number in range(1, 25)]


@given(seed=st.text(max_size=8), seconds=st.floats(60, 14_400), seats=st.integers(4, 24))
def test_takes_are_inside_the_window_at_seats_of_their_own(seed: str, seconds: float, seats: int) -> None:
    window = window_of(seconds)
    takes = planned(SEATS[:seats], seed, window)
    assert complete(takes)
    assert len({take.seat for take in takes}) == len(takes) == len(SECONDS)
    assert {take.seat for take in takes} <= set(SEATS[:seats])
    assert all(window[0] <= take.begins and take.begins + take.seconds <= window[1] for take in takes)
    assert takes == planned(SEATS[:seats], seed, window)
    assert list(takes) == sorted(takes, key=lambda take: take.begins)


@pytest.mark.parametrize(("end", "scenes"), [(17.9, 0), (18, 1), (24, 2), (28, 3), (37.9, 3), (38, 4)])
def test_only_scenes_that_fit_are_planned(end: float, scenes: int) -> None:
    takes = planned(SEATS, "1", (8.0, end))
    assert len(takes) == scenes
    assert complete(takes) is (scenes == 4)


@pytest.mark.parametrize("seats", [0, 1, 3])
def test_fewer_seats_stage_fewer_scenes(seats: int) -> None:
    takes = planned(SEATS[:seats], "1", (8.0, 100.0))
    assert len(takes) == seats
    assert not complete(takes)


def test_every_sixth_candidate_refuses() -> None:
    assert [number for number in range(1, 25) if not consents(number)] == [6, 12, 18, 24]


@pytest.mark.dear
def test_the_director_shows_each_scene_once_and_takes_it_back(
    tmp_path: Path, people: tuple[Person, ...]
) -> None:
    made, told = cameras(tmp_path, people, seats=3), list[str]()
    takes = [Take("01", Scene.EMPTY, 10.0, 20.0), Take("02", Scene.COVERED, 15.0, 12.0)]
    director = Director(made, ("01", "02"), takes, told.append)
    assert director.staged == {"NO_FACE": ["01"], "CAMERA_COVERED": ["02"]}
    now = []
    for second in (0.0, 9.9, 10.0, 14.0, 15.0, 26.9, 27.0, 29.9, 30.0, 60.0):
        director.tick(second)
        now.append([str((tmp_path / f"seat-{seat}" / "now").readlink()) for seat in ("01", "02", "03")])
    assert [row[0] for row in now] == ["normal"] * 2 + ["empty"] * 6 + ["normal"] * 2
    assert [row[1] for row in now] == ["normal"] * 4 + ["covered"] * 2 + ["normal"] * 4
    assert {row[2] for row in now} == {"normal"}
    assert len(told) == 2


# --- registration photos


@pytest.mark.dear
def test_their_photos_pass_the_import_that_real_ones_take(
    host: Host, tmp_path: Path, people: tuple[Person, ...]
) -> None:
    crew = hire(host, Names("", "演练", "demo-password"), invigilators=2)
    wish = Wish("演练", fictional_people(3), minutes=Decimal(1), seed="1", kind=RoomKind.SMART)
    staged = stage_sitting(host, crew, wish, told=lambda _step: None)
    assert staged.cameras == {seat: f"CAM-{seat}" for seat in staged.seats}
    made = Cameras(tmp_path, people, "1")
    for entrant in staged.entrants[:2]:
        made.add(entrant.seat, staged.cameras[entrant.seat])
    photos = {entrant.ticket: made.registered(entrant.seat) for entrant in staged.entrants[:2]}
    import_photos(host, crew, staged, photos)
    with host.db.read() as session:
        with_photo = {row.ticket for row in rosters.roster(session, staged.room_sitting) if row.has_photo}
    assert with_photo == set(photos)


# --- the command's options


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--room", "standard", "--staged"], "--staged"),
        (["--staged", "--minutes", "0.5"], "--staged"),
        (["--staged", "--seats", "3"], "--staged"),
        (["--seats", "100"], "99"),
        (["--room", "standard", "--seats", "121"], "121"),
        (["--room", "round"], "round"),
    ],
)
def test_options_that_do_not_go_together_are_refused_at_once(options: list[str], told: str) -> None:
    done = CliRunner().invoke(rehearse, options)
    assert done.exit_code == 2
    assert told in done.output


def test_the_demo_goes_on_without_the_photos(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "known_people", lambda: known_people(tmp_path))
    nothing: Any = None  # neither hall nor stage is looked at
    assert demo.record_cameras(nothing, nothing, nothing, demo.Show(3, Decimal(1), True, True)) is None
    assert "make setup" in capsys.readouterr().err
