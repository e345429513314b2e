"""The child's part of photos with a report: pictures of a tablet's camera in, plain JPEGs out."""

from collections.abc import Callable
from typing import Any

from proctoring.frames import FrameFault, record_photo
from server.errors import Refused

BYTES_LIMIT = 12 << 20


def read_report_photos(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """Every picture of the payload under its name again, as JPEG without metadata.

    One that is none refuses them all: a report says how many pictures it has.
    """
    photos: dict[str, Any] = {}
    for done, (name, data) in enumerate(payload.items(), 1):
        if len(data) > BYTES_LIMIT:
            raise Refused("photo_too_large", 422, file=name)
        try:
            photos[name] = record_photo(data)
        except FrameFault as fault:
            raise Refused(fault.code, 422, **fault.params) from fault
        report(done / len(payload), str(done))
    return photos
