"""A room of twelve seats before a camera whose view is known exactly."""

import numpy as np

from proctoring.calibration import Calibration, Sample, homography
from proctoring.room_simulation import HEAD_HEIGHT, Hall, picture
from proctoring.roomview import RoomView

HALL = Hall("4x3", 4, 3, 1.2, 1.2, (1.8, -1.5), (1.8, 2.5))
SEATS = tuple(HALL.places)


def seen_at(hall: Hall, x: float, y: float, height: float = HEAD_HEIGHT) -> tuple[float, float]:
    """Where the picture shows a head at a place in the room."""
    across, below = picture(hall, np.array([[x, y, height]]))[0]
    return float(across), float(below)


def head(seat: str, across: float = 0.0, along: float = 0.0, hall: Hall = HALL) -> tuple[float, float]:
    """The head of somebody at a seat, metres beside its middle."""
    x, y = hall.places[seat]
    return seen_at(hall, x + across, y + along)


def sample(seat: str, across: float = 0.0, along: float = 0.0) -> Sample:
    return Sample(seat, *head(seat, across, along))


def true_view(hall: Hall = HALL) -> RoomView:
    """The view as a perfect calibration has it."""
    heads = np.array([head(seat, hall=hall) for seat in hall.places])
    matrix = homography(heads, np.array(list(hall.places.values())))
    numbers = tuple(float(number) for number in matrix.ravel())
    return RoomView(Calibration(numbers, 0.0, tuple(hall.places)), hall.places)
