"""Fixtures for every test: one real homeserver for a run, fresh users for each test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from surfacehost_devkit.homeserver import Homeserver, install

LONG = ("faults", "chaos", "both")
"""Folders whose tests take long: they come first, so that no worker is left alone with one in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long ones first, otherwise in their order."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(scope="session")
def synapse_cache() -> Path:
    """The Python of an environment with Synapse, installed into the cache once for all runs."""
    return install(progress=lambda line: print(line, file=sys.stderr))  # noqa: T201


@pytest.fixture(scope="session")
def homeserver(synapse_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """A homeserver without rate limits, shared by the run: tests make users of their own and never stop it."""
    with Homeserver(tmp_path_factory.mktemp("homeserver"), synapse=synapse_cache) as server:
        yield server
