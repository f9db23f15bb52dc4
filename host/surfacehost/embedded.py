"""The reference agent inside this process: the host talks to it as to any other, over a WebSocket."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from platform_agent import AgentServer, Backend, OfflineBackend
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Reference


@asynccontextmanager
async def embedded_agent(reference: Reference) -> AsyncIterator[tuple[str, str]]:
    """Run it on a free port of the loopback interface; gives its address and the token that only this process knows.

    Raises SurfacehostError when its provider can't be used as the settings say.
    """
    token = secrets.token_urlsafe(32)
    async with AsyncExitStack() as stack:
        backend = await _backend(reference, stack)
        server = await stack.enter_async_context(AgentServer.serve(backend=backend, token=token))
        yield server.url, token


async def _backend(reference: Reference, stack: AsyncExitStack) -> Backend:
    if reference.backend == "offline":
        return OfflineBackend()
    try:
        from platform_agent.openai_backend import OpenAIBackend  # noqa: PLC0415 - offline needs none of it
    except ImportError as error:
        raise SurfacehostError('backend = "openai" needs: pip install "platform-agent[openai]"') from error
    key = reference.api_key.get_secret_value() if reference.api_key else None
    backend = OpenAIBackend(base_url=reference.base_url, model=reference.model, api_key=key)
    stack.push_async_callback(backend.close)
    return backend
