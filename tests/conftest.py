"""What holds for all tests."""

import gc
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

import proctoring.models
import server.settings

# Thousands of tests leave large heaps behind; looking through them every 700 objects cost a sixth of the time.
gc.set_threshold(20_000, 20, 50)


def pytest_collection_finish() -> None:
    """What was loaded to collect the tests stays: no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()


# No test judges seconds: on a busy machine drawing an example may take one. What is said at a test stays.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# What somebody installed on this machine is no part of what is tested.
_NONE_INSTALLED = Path(tempfile.gettempdir(), "examhall-tests", "no-models")
proctoring.models.STANDARD = _NONE_INSTALLED
server.settings.MODELS = str(_NONE_INSTALLED)
os.environ["EXAMHALL_MODELS"] = str(_NONE_INSTALLED)  # noqa: TID251 - for processes that tests start
