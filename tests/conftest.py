"""Fixtures for every test: one real homeserver for a run, fresh users for each test."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from surfacehost_devkit.homeserver import Homeserver, install

NO_CLOCK: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
"""How fast a machine is that does other things as well says nothing about the code."""

settings.register_profile("suite", max_examples=200, **NO_CLOCK)
settings.register_profile("long", max_examples=20_000, **NO_CLOCK)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

WAITING = ("faults", "both")
"""Folders whose tests wait for most of their time: for clocks, penalties and what comes back."""
WORKING = ("chaos", "conversation", "demo", "homeserver", "matrix")
"""Those whose tests keep the machine busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix files that wait with files that work; short ones come last, so no worker is left alone with a long one."""
    files = {item.path: item.path.parent.name for item in items}
    waiting = [file for file, folder in files.items() if folder in WAITING]
    working = [file for file, folder in files.items() if folder in WORKING]
    place = {file: float(number) for number, file in enumerate(working)}
    place |= {file: number * len(working) / len(waiting) for number, file in enumerate(waiting)}
    items.sort(key=lambda item: (place.get(item.path, len(files)), item.path.parent, item.path))


def pytest_collection_finish() -> None:
    """What all tests together have imported lives as long as the process: it is looked through no more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def synapse_cache() -> Path:
    """The Python of an environment with Synapse, installed into the cache once for all runs."""
    return install(progress=lambda line: print(line, file=sys.stderr))  # noqa: T201


@pytest.fixture(scope="session")
def homeserver(synapse_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """A homeserver without rate limits, shared by the run: tests make users of their own and never stop it."""
    with Homeserver(tmp_path_factory.mktemp("homeserver"), synapse=synapse_cache) as server:
        yield server
