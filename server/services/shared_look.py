"""One look at the store serves everybody who waits for it, even if what it found may not be kept."""

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedLook(Generic[K, V]):
    """One looks at a time, for others too; who waited finds what was looked up meanwhile.

    A look that was outdated before it ended is not kept. But whoever came before it began gets no older
    answer from it than from a look of their own. Else each would look in turn, for all the others again, and
    a slow server that has to forget everything once a second would never come to an end with that.
    """

    def __init__(self) -> None:
        self._looking = threading.RLock()
        self._began = 0
        self._found: Mapping[K, V] = {}

    def find(self, key: K, kept: Callable[[], V | None], look: Callable[[], Mapping[K, V]]) -> V:
        """What is `kept` of a key, else what the last look found if it began after this call, else a look.

        `look` keeps what may be kept and returns all that it found, `key` included; its faults are raised.
        """
        came = self._began
        with self._looking:
            found = kept()
            if found is None and self._began > came:
                found = self._found.get(key)
            if found is None:
                self._began += 1
                self._found = {}  # should the look fail, nobody takes an older one for it
                self._found = look()
                found = self._found[key]
            return found
