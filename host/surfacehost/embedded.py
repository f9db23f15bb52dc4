"""The reference agent inside this process: the host talks to it as to any other, over a WebSocket."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from platform_agent.server import AgentServer
from surfacehost.settings import Reference


@asynccontextmanager
async def embedded_agent(_reference: Reference) -> AsyncIterator[tuple[str, str]]:
    """Run it on a free port of the loopback interface; gives its address and the token that only this process knows."""
    token = secrets.token_urlsafe(32)
    async with AgentServer.serve(token=token) as server:
        yield server.url, token
