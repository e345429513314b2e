"""What a heartbeat may say at most: longer texts are cut, numbers kept within what can be shown."""

from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.watch_messages import CameraReport

_IDENTITY, _WORD, _WORDS = 120, 16, 8
"""Most characters of a camera's name and of one check, and most checks, that a heartbeat may report."""
_SIDE, _TIMES = 99_999, 999_999
"""Most pixels of a picture's side, and most returns of a camera, that a heartbeat may report."""
_CODE, _CODES, _NUMBER = 40, 32, 999
"""The same of the launcher: characters of a code, codes, and how far screens and restarts are counted."""


def bounded_camera(camera: CameraReport) -> CameraReport:
    """A report whose texts are short enough to be kept and shown."""
    unavailable = tuple(text[:_WORD] for text in camera.unavailable[:_WORDS])
    width, height = (max(0, min(side, _SIDE)) for side in (camera.width, camera.height))
    reconnects, stalls = (max(0, min(times, _TIMES)) for times in (camera.reconnects, camera.stalls))
    return CameraReport(
        state=camera.state,
        identity=camera.identity[:_IDENTITY],
        checks=camera.checks[:_WORD],
        unavailable=unavailable,
        width=width,
        height=height,
        odd_size=camera.odd_size,
        reconnects=reconnects,
        stalls=stalls,
    )


def bounded_kiosk(kiosk: KioskReport) -> KioskReport:
    """A report whose codes and numbers are small enough to be kept and shown."""
    codes = tuple(code[:_CODE] for code in kiosk.open[:_CODES])
    screens, browser = (max(0, min(number, _NUMBER)) for number in (kiosk.screens, kiosk.browser))
    return KioskReport(kiosk.lockdown, codes, screens, browser)
