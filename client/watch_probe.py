"""The faces that were compared last, in memory only: what the server may look for when one does not match."""

import base64
import binascii
from collections import deque

import numpy as np

from proctoring.faces import Vector, unit
from proctoring.observation import Observation


class Probes:
    """Vectors of the last compared faces with their similarity to the enrolled one."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Vector]] = deque()

    def take(self, seen: Observation, most: int) -> None:
        """Keeps the face of a look, the last `most` of them."""
        if seen.identity is not None and seen.probe is not None:
            self._seen.append((seen.identity.similarity, seen.probe))
        while len(self._seen) > max(1, most):
            self._seen.popleft()

    def forget(self) -> None:
        """Nobody's face is kept."""
        self._seen.clear()

    def stranger(self) -> str:
        """The mean of those that are less like the enrolled face, of length 1, in base64 of float32; "" when
        there is none. The others may show the candidate, who sat there a moment ago.
        """
        if not self._seen:
            return ""
        middle = sorted(similarity for similarity, _ in self._seen)[(len(self._seen) - 1) // 2]
        vectors = [vector for similarity, vector in self._seen if similarity <= middle]
        mean = unit(np.asarray(np.mean(vectors, axis=0), np.float32))
        return base64.b64encode(mean.astype("<f4").tobytes()).decode()


def vector_of(template: str, dim: int) -> Vector | None:
    """The vector of a length that a template says in base64; None for anything else."""
    try:
        values = np.frombuffer(base64.b64decode(template, validate=True), "<f4")
    except (binascii.Error, ValueError):
        return None
    if values.size != dim or not np.isfinite(values).all():
        return None
    return values.astype(np.float32)
