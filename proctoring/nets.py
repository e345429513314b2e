"""The networks of one thread: opened when first asked for; what cannot be opened is named, never raised."""

from collections.abc import Iterable, Mapping

import cv2

from proctoring.model_cards import LONGEST_NAME
from proctoring.models import Folder, ModelCard, ModelUnavailable, Opened, open_nets

DETECT, VERIFY, MESH, IRIS, LIVENESS, OBJECTS = "detect", "verify", "mesh", "iris", "liveness", "objects"


class Nets:
    """Networks by purpose. Not to be shared between threads: a network keeps what it last saw."""

    def __init__(self, folder: Folder = None) -> None:
        """`folder`: where the weights lie, as in `models`. Nothing is opened yet."""
        self._folder = folder
        self._open: dict[str, tuple[Opened, ...]] = {}
        self._faults: dict[str, ModelUnavailable] = {}

    def get(self, purpose: str) -> tuple[Opened, ...]:
        """The networks for a purpose, none without a usable model. The first time takes some 50 ms each."""
        if purpose not in self._open and purpose not in self._faults:
            try:
                self._open[purpose] = open_nets(purpose, self._folder)
            except ModelUnavailable as fault:
                self._faults[purpose] = fault
        return self._open.get(purpose, ())

    def need(self, purpose: str) -> "tuple[cv2.dnn.Net, ModelCard]":
        """The one network for a purpose, with its card. Raises `ModelUnavailable`."""
        found = self.get(purpose)
        if not found:
            raise self._faults[purpose]
        return found[0].net, found[0].card

    def missing(self, purposes: Iterable[str]) -> tuple[str, ...]:
        """Those of the purposes that no usable model serves, each once; opens what was not tried yet."""
        return tuple(purpose for purpose in dict.fromkeys(purposes) if not self.get(purpose))

    def names(self, purposes: Iterable[str]) -> Mapping[str, str]:
        """Name and version of the networks for these purposes, without those that are missing."""
        return {
            purpose: " + ".join(f"{each.card.name} {each.card.version}" for each in found)[:LONGEST_NAME]
            for purpose in dict.fromkeys(purposes)
            if (found := self.get(purpose))
        }
