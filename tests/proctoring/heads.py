"""Heads and flat pictures of heads, as looks at them: made of the upright head, turned and projected."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import cos, radians, sin

import numpy as np

from proctoring.challenge import Sight
from proctoring.mesh import COUNT, Mesh, Points
from proctoring.observation import Attention, HeadShape
from proctoring.pose import RIGID, UPRIGHT, head_pose, rigid_points

OPEN, SHUT = 0.3, 0.08
EVERY = 0.2  # seconds between looks
SIZE = 60.0  # pixels of the unit of the upright head


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Points:
    """The rotation of a head: degrees as in `pose.Pose`."""
    y, p, r = (radians(each) for each in (yaw, pitch, roll))
    around_y = np.array([[cos(y), 0, -sin(y)], [0, 1, 0], [sin(y), 0, cos(y)]])
    around_x = np.array([[1, 0, 0], [0, cos(p), sin(p)], [0, -sin(p), cos(p)]])
    around_z = np.array([[cos(r), -sin(r), 0], [sin(r), cos(r), 0], [0, 0, 1]])
    return np.asarray(around_z @ around_y @ around_x)


def head(yaw: float, pitch: float = 0.0, roll: float = 0.0, *, at: tuple[float, float] = (320, 240)) -> Mesh:
    """A head before the camera, in pixels."""
    points = np.zeros((COUNT, 3))
    points[list(RIGID)] = UPRIGHT @ turned(yaw, pitch, roll).T * SIZE + (*at, 0)
    return Mesh(points, 1.0, True)


def looked(mesh: Mesh, at: float, eyes: float = OPEN, similarity: float | None = 0.8) -> Sight:
    """A look at a head by its points alone."""
    pose = head_pose(mesh)
    attention = Attention(pose.yaw, pose.pitch, pose.roll, eyes, 0.02)
    shape = HeadShape(rigid_points(mesh), pose.misfit)
    alike = similarity is not None and similarity >= 0.5
    unlike = similarity is not None and similarity < 0.35
    return Sight(at, attention, shape, similarity, unlike, alike)


def flat(tilt: float, claimed: float, at: float) -> Sight:
    """A look at a picture of a head, turned by `tilt` degrees, of which the network claims a yaw."""
    mesh = head(0)
    points = mesh.points * (cos(radians(tilt)), 1, 1)
    seen = looked(Mesh(points, 1.0, True), at)
    assert seen.attention is not None
    return replace(seen, attention=replace(seen.attention, yaw=claimed))


def film(*yaws: float, begin: float = 100.0, similarity: float | None = 0.8) -> list[Sight]:
    """Looks at a head that is turned so, one after the other."""
    return [looked(head(yaw), begin + place * EVERY, similarity=similarity) for place, yaw in enumerate(yaws)]


def timed(sights: Iterable[Sight], begin: float = 100.0, every: float = EVERY) -> Iterator[Sight]:
    """The same looks, evenly spaced."""
    return (replace(seen, at=begin + place * every) for place, seen in enumerate(sights))
