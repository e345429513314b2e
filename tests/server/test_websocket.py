"""The WebSocket of the live server: one frame for many, whole on a slow line, never compressed."""

from collections.abc import Iterator

import gevent
import pytest
from gevent import socket
from gevent.event import Event
from wsproto.connection import Connection as Peer
from wsproto.connection import ConnectionType
from wsproto.events import TextMessage

from server.live.websocket import Connection, Frames, Whole, frame_of

LARGE = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_is_what_the_protocol_says(size: int) -> None:
    text = ("题" + "x" * size)[: size or 1] if size else ""
    peer = Peer(ConnectionType.CLIENT)
    peer.receive_data(frame_of(text))
    events = list(peer.events())
    assert "".join(event.data for event in events if isinstance(event, TextMessage)) == text
    assert events[-1].message_finished


def test_the_same_text_is_framed_once_and_another_one_never_taken_for_it() -> None:
    frames, text = Frames(), "".join(["a", "b"])
    assert frames.of(text) is frames.of(text)
    for number in range(200):  # their places in memory are used again
        assert frames.of(f"text {number}") == frame_of(f"text {number}")


@pytest.fixture
def pair() -> Iterator[tuple[Whole, socket.socket]]:
    here, there = socket.socketpair()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    yield Whole(here), there
    here.close()
    there.close()


def all_of(line: socket.socket, size: int) -> bytes:
    """So many bytes, within ten seconds."""
    got = b""
    with gevent.Timeout(10):
        while len(got) < size:
            got += line.recv(65_536)
    return got


def test_what_a_slow_line_does_not_take_at_once_follows_before_anything_else(
    pair: tuple[Whole, socket.socket],
) -> None:
    ours, theirs = pair
    first, second = b"1" * LARGE, b"2" * LARGE
    assert ours.offer(first)  # and does not wait
    assert not ours.offer(second)  # the other way has to be taken: that of who may wait
    sender = gevent.spawn(ours.send, second)
    assert all_of(theirs, 2 * LARGE) == first + second
    assert sender.get(timeout=60) == LARGE
    assert ours.offer(b"3") and all_of(theirs, 1) == b"3"


def test_a_line_that_is_gone_holds_nobody_up(pair: tuple[Whole, socket.socket]) -> None:
    ours, theirs = pair
    assert ours.offer(b"1" * LARGE)
    theirs.close()
    gevent.sleep(0.05)
    assert ours.offer(b"2") and ours.offer(b"3")
    with pytest.raises(OSError, match="Broken pipe"):
        ours.send(b"4")


def test_no_connection_is_compressed_whatever_the_browser_offers() -> None:
    here, there = socket.socketpair()
    asked = {
        "gunicorn.socket": here,
        "HTTP_HOST": "examhall.lan",
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_EXTENSIONS": "permessage-deflate",
    }
    line = Connection(asked, thread_class=_Greenlet, event_class=Event)
    answer = there.recv(65_536)
    assert b" 101 " in answer and b"deflate" not in answer.lower()
    assert line.offer(frame_of("x" * 500))
    assert there.recv(65_536) == frame_of("x" * 500)
    line.send("y")
    assert there.recv(65_536) == frame_of("y")
    line.close()
    there.close()


class _Greenlet(gevent.Greenlet):
    """As the engine makes them."""

    def __init__(self, target) -> None:
        super().__init__(target)
