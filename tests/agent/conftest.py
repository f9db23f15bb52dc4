"""A server for each test, and clients of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.agent.contract_client import Client, Connect, connected

from platform_agent import AgentServer


@pytest.fixture
async def server() -> AsyncIterator[AgentServer]:
    async with AgentServer.serve() as server:
        yield server


@pytest.fixture
def connecting(server: AgentServer) -> Connect:
    """Makes clients of the server."""

    def connect_to_server(thread_id: str = "1/test/a/b/~", **options: Any) -> AbstractAsyncContextManager[Client]:
        return connected(server.url, thread_id, **options)

    return connect_to_server


@pytest.fixture
async def client(connecting: Connect) -> AsyncIterator[Client]:
    async with connecting() as client:
        yield client
