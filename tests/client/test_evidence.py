"""The queue of evidence: order, bounds, restarts, refusals."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.evidence import PATIENCE, Evidence, Lost, Worth
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import AlertRequest, EnrolmentRequest
from tests.client.evidence_kit import KEY, alert, capture, enrolment, picture


@pytest.fixture
def queue(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "evidence", KEY)


def again(queue: Evidence) -> Evidence:
    """What a restarted agent finds."""
    return Evidence(queue._folder, KEY, queue._limit)


def test_a_picture_leaves_after_the_news_that_names_it(queue: Evidence) -> None:
    made = picture("a")
    queue.put(alert(made), [made])
    assert queue.next_picture() is None
    news = queue.next_news(Route.ALERT)
    assert news is not None and news.message == alert(made)
    queue.news_taken(news.number, [made.sha256])
    assert queue.next_news(Route.ALERT) is None
    assert queue.next_picture() == made.sha256
    assert queue.load(made.sha256) == made.data
    queue.picture_taken(made.sha256)
    assert queue.waiting() == (0, 0) and list(queue._folder.iterdir()) == []


def test_a_picture_the_server_has_already_is_not_sent(queue: Evidence) -> None:
    made, other = picture("a"), picture("b")
    queue.put(alert(made, other), [made, other])
    queue.news_taken(1 + 2, [other.sha256])
    assert queue.next_picture() == other.sha256
    assert queue.waiting() == (0, 1)


def test_a_picture_named_twice_waits_for_both_and_stays_for_the_second(queue: Evidence) -> None:
    made = picture("a")
    queue.put(alert(made), [made])
    first = queue.next_news(Route.ALERT)
    assert first is not None
    queue.news_taken(first.number, [made.sha256])
    queue.put(capture(made), [made])
    assert queue.next_picture() is None
    queue.picture_taken(made.sha256)  # an upload that was under way
    second = queue.next_news(Route.CAPTURE)
    assert second is not None
    queue.news_taken(second.number, [made.sha256])
    assert queue.next_picture() == made.sha256


def test_the_pictures_of_alerts_go_first(queue: Evidence) -> None:
    made = {worth: picture(worth, worth) for worth in Worth}
    queue.put(capture(made[Worth.CAPTURE]), [made[Worth.CAPTURE]])
    queue.put(enrolment(made[Worth.ENROLMENT]), [made[Worth.ENROLMENT]])
    both = (made[Worth.SIDE], made[Worth.ALERT])
    queue.put(alert(*both), both)
    for route in (Route.ALERT, Route.CAPTURE, Route.ENROLMENT):
        news = queue.next_news(route)
        assert news is not None
        queue.news_taken(news.number, news.frames)
    sent = []
    while (sha256 := queue.next_picture()) is not None:
        sent.append(sha256)
        queue.picture_taken(sha256)
    order = (Worth.ALERT, Worth.ENROLMENT, Worth.SIDE, Worth.CAPTURE)
    assert sent == [made[worth].sha256 for worth in order]


def test_everything_is_there_after_a_restart(queue: Evidence) -> None:
    made, loose = picture("a"), picture("b", Worth.CAPTURE)
    queue.put(capture(loose), [loose])
    news = queue.next_news(Route.CAPTURE)
    assert news is not None
    queue.news_taken(news.number, [loose.sha256])  # announced, but the picture is not there yet
    queue.put(alert(made), [made])
    queue.put(enrolment())
    found = again(queue)
    assert found.waiting() == (2, 2)
    kept = found.next_news(Route.ALERT)
    assert kept is not None and kept.message == alert(made)
    assert found.next_picture() == loose.sha256 and found.load(loose.sha256) == loose.data
    assert found.pending(EnrolmentRequest, 7) and not found.pending(EnrolmentRequest, 8)
    found.put(alert(episode="e2"))
    numbers = [one.number for one in found._news.values()]
    assert len(set(numbers)) == 3


def test_nothing_of_it_can_be_read_on_the_disk(queue: Evidence) -> None:
    made = picture("secret face")
    queue.put(enrolment(made), [made])
    files = list(queue._folder.iterdir())
    content = b"".join(file.read_bytes() for file in files)
    assert len(files) == 2 and all(file.stat().st_mode & 0o077 == 0 for file in files)
    for word in (b"secret face", b"\xff\xd8\xff", b"dGVtcGxhdGU", b"similarity"):
        assert word not in content
    assert Evidence(queue._folder, bytes(32)).waiting()[0] == 0


@pytest.mark.parametrize("harm", ["cut", "flip", "swap", "empty"])
def test_harmed_files_are_passed_over_and_counted(queue: Evidence, harm: str) -> None:
    made, other = picture("a"), picture("b")
    queue.put(alert(made), [made])
    queue.put(alert(other, episode="e2"), [other])
    files = sorted(queue._folder.glob("*.news")) + sorted(queue._folder.glob("*.pic"))
    data = [file.read_bytes() for file in files]
    for place in (0, 2):
        files[place].write_bytes(
            {
                "cut": data[place][:-3],
                "flip": data[place][:-1] + bytes([data[place][-1] ^ 1]),
                "swap": data[place + 1],
                "empty": b"",
            }[harm]
        )
    found = again(queue)
    kept = found.next_news(Route.ALERT)
    assert kept is not None and kept.message == alert(other, episode="e2")
    assert found.dropped == 1
    assert found.next_picture() == made.sha256  # its news is gone: perhaps the server knows of it
    with pytest.raises(Lost):
        found.load(made.sha256)
    assert found.dropped == 2 and found.next_picture() is None
    assert again(found).waiting() == (1, 1)


def test_a_crash_while_writing_leaves_nothing(queue: Evidence) -> None:
    (queue._folder / "000000000009.news.part").write_bytes(b"half")
    assert again(queue).waiting() == (0, 0)
    assert list(queue._folder.iterdir()) == []


def test_without_room_captures_go_first_then_sides_and_news_never(tmp_path: Path) -> None:
    queue = Evidence(tmp_path, KEY, limit=4000)
    kept = []
    for n, worth in enumerate([Worth.CAPTURE, Worth.SIDE, Worth.CAPTURE, Worth.ENROLMENT, Worth.ALERT]):
        made = picture(f"{n}", worth, size=900)
        kept.append(made)
        queue.put(alert(made, episode=f"e{n}"), [made])
    for _ in range(5):
        news = queue.next_news(Route.ALERT)
        assert news is not None
        queue.news_taken(news.number, news.frames)
    left = set(queue._pictures)
    assert left == {kept[n].sha256 for n in (1, 2, 3, 4)} and queue.dropped == 1
    more = [picture(f"more{n}", Worth.ALERT, size=900) for n in range(3)]
    queue.put(alert(*more), more)
    assert set(queue._pictures) == {kept[4].sha256, *(made.sha256 for made in more)}
    assert queue.waiting() == (1, 4)
    size = sum(path.stat().st_size for path in tmp_path.glob("*.pic"))
    assert size <= 4000


def test_a_full_disk_costs_pictures_but_no_news(queue: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("client.evidence.write_atomically", full)
    made = picture("a")
    queue.put(alert(made), [made])
    assert queue.waiting() == (1, 0) and queue.dropped == 1


def test_what_the_server_stumbles_over_lets_others_go_first(queue: Evidence) -> None:
    queue.put(alert(episode="poison"))
    queue.put(alert(episode="fine"))
    for _ in range(PATIENCE):
        news = queue.next_news(Route.ALERT)
        assert news is not None and news.number == 1
        queue.failed(news.number)
    news = queue.next_news(Route.ALERT)
    assert news is not None and news.number == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["alert", "capture", "take", "take none", "refuse", "upload", "restart"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_no_news_is_lost_and_the_bound_holds(steps: list[tuple[str, int]]) -> None:
    """Against a plain list of what the server has not taken, over restarts in between."""
    with tempfile.TemporaryDirectory() as name:
        queue = Evidence(Path(name), KEY, limit=1000)
        owed: dict[str, list[str]] = {Route.ALERT: [], Route.CAPTURE: []}
        for step, (act, n) in enumerate(steps):
            if act in ("alert", "capture"):
                route = Route.ALERT if act == "alert" else Route.CAPTURE
                made = picture(f"picture {n}", Worth(act), size=200)
                message = alert(made, episode=f"{step}") if act == "alert" else capture(made, number=step)
                queue.put(message, [made])
                owed[route].append(str(step))
            elif act in ("take", "take none", "refuse"):
                _answer_news(queue, owed, act, Route.CAPTURE if n % 2 else Route.ALERT)
            elif act == "upload" and (sha256 := queue.next_picture()) is not None:
                assert queue.load(sha256)
                queue.picture_taken(sha256)
            elif act == "restart":
                queue = again(queue)
            assert {route: _waiting(queue, route) for route in owed} == owed
            files = list(queue._folder.iterdir())
            assert len(files) == sum(queue.waiting())
            assert sum(path.stat().st_size for path in files if path.suffix == ".pic") <= 1000


def _waiting(queue: Evidence, route: str) -> list[str]:
    found = sorted(queue._news.values(), key=lambda news: news.number)
    messages = [news.message for news in found if news.route == route]
    return [one.episode if isinstance(one, AlertRequest) else str(one.number) for one in messages]  # type: ignore[union-attr]


def _answer_news(queue: Evidence, owed: dict[str, list[str]], act: str, route: str) -> None:
    news = queue.next_news(route)
    assert (news is None) == (owed[route] == [])
    if news is None:
        return
    if act == "refuse":
        queue.refuse(news.number)
    else:
        queue.news_taken(news.number, news.frames if act == "take" else ())
    owed[route].pop(0)
