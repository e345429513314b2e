"""Calls that must not hold up the event loop: run in a native thread while other greenlets go on.

Under gevent (the live server) a call goes to a small pool of real threads; elsewhere (command line,
tests) it simply runs. Writes on SQLite, of brief ones BEGIN and COMMIT, and password hashing use it.
"""

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

TURN_SECONDS = 0.0005
"""After how long a busy event loop lets a native thread have the interpreter; a commit asks several times."""
P = ParamSpec("P")
T = TypeVar("T")


def under_gevent() -> bool:
    """Whether this process runs on gevent's patched standard library."""
    monkey = sys.modules.get("gevent.monkey")
    return bool(monkey and cast("Any", monkey).is_module_patched("threading"))


class NativePool:
    """`size` native threads; `call` waits for the result without blocking the loop."""

    def __init__(self, size: int = 1) -> None:
        self._pool: Any = None
        if under_gevent():
            from gevent.threadpool import ThreadPool

            sys.setswitchinterval(TURN_SECONDS)
            self._pool = ThreadPool(size)

    def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work(*args, **kwargs)`; its exception is raised here."""
        if self._pool is None:
            return work(*args, **kwargs)
        result, fault = self._pool.apply(_outcome, (work, args, kwargs))
        if fault is not None:
            raise fault
        return cast("T", result)

    def finish(self, step: Callable[[], object]) -> BaseException | None:
        """Runs a step of something that the caller goes on with; raises the step's exception.

        A greenlet that is stopped meanwhile waits for the end all the same, else it would close a session
        that the thread still uses; what stopped it is returned, for the caller to raise. Called in any other
        thread than the loop's it simply runs.
        """
        if self._pool is None or not _on_loop(self._pool):
            step()
            return None
        task = self._pool.spawn(_outcome, step, (), {})
        stop: BaseException | None = None
        while not task.ready():
            try:
                task.wait()
            except Exception:  # nobody was stopped: where this was called nobody may wait
                raise
            except BaseException as stopping:  # noqa: BLE001 - handed to the caller
                stop = _graver(stop, stopping)
        _result, fault = task.get()
        if fault is None:
            return stop
        if stop is not None:
            raise stop from fault
        raise fault


def _on_loop(pool: Any) -> bool:  # noqa: ANN401 - gevent has no types
    from gevent import get_hub

    return get_hub() is pool.hub


def _graver(stop: BaseException | None, other: BaseException) -> BaseException:
    """Of two stops the first, but an end before a time-out: whoever catches that would live on."""
    from gevent import GreenletExit

    return other if stop is None or isinstance(other, GreenletExit) else stop


def _outcome(work: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Exception | None]:  # noqa: ANN401
    """What became of a call, as a value: the pool prints a traceback for every exception that it sees."""
    try:
        return work(*args, **kwargs), None
    except Exception as fault:  # noqa: BLE001 - raised again where the call came from
        return None, fault
