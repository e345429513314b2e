"""Lines as short lists of JSON values: a thousand of them go to the other processes every second."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.watch_messages import CameraReport
from exam_rooms.wire import decode, encode
from server.services.lines import LineNews, Owed, Returns, Seen
from server.services.link_gaps import Silence

_TIMES = ("heard_at", "clear_at", "lost_at", "raised_at", "status_at", "since")
_PARTS = ("owed", "quiet", "returns", "seen")
_PLAIN = tuple(one.name for one in fields(LineNews) if one.name not in (*_TIMES, *_PARTS))
_SEEN = tuple(one.name for one in fields(Seen) if one.name not in ("since", "camera", "kiosk"))
_CAMERA, _KIOSK = CameraReport(), KioskReport()


def pack(news: LineNews) -> list[Any]:
    """A line as JSON values; what says nothing is left empty."""
    seen, owed, returns = news.seen, news.owed, news.returns
    return [
        [getattr(news, name) for name in _PLAIN],
        [_seconds(getattr(news, name)) for name in _TIMES],
        None if owed is None else [owed.attempt, owed.journal, owed.seq, owed.at.timestamp()],
        [_silence(each) for each in news.quiet],
        None if returns is None else [returns.reconnects, returns.stalls, _seconds(returns.told_at)],
        [getattr(seen, name) for name in _SEEN],
        _seconds(seen.since),
        None if seen.camera == _CAMERA else encode(seen.camera),
        None if seen.kiosk == _KIOSK else encode(seen.kiosk),
    ]


def unpack(packed: list[Any]) -> LineNews:
    """The inverse of `pack`. Raises `ValueError` or `TypeError` for what is none."""
    plain, times, owed, quiet, returns, said, since, camera, kiosk = packed
    seen = Seen(
        since=_moment(since),
        camera=_CAMERA if camera is None else decode(CameraReport, camera),
        kiosk=_KIOSK if kiosk is None else decode(KioskReport, kiosk),
        **dict(zip(_SEEN, said, strict=True)),
    )
    given: dict[str, Any] = dict(zip(_PLAIN, plain, strict=True))
    given |= {name: _moment(at) for name, at in zip(_TIMES, times, strict=True)}
    return LineNews(
        owed=None if owed is None else Owed(owed[0], owed[1], owed[2], _at(owed[3])),
        quiet=tuple(Silence(_at(one[0]), _at(one[1]), one[2], _moment(one[3])) for one in quiet),
        returns=None if returns is None else Returns(returns[0], returns[1], _moment(returns[2])),
        seen=seen,
        **given,
    )


def _silence(silence: Silence) -> list[Any]:
    return [
        silence.since.timestamp(),
        silence.clear_at.timestamp(),
        silence.boot_id,
        _seconds(silence.until),
    ]


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
