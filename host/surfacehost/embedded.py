"""Where the agent is. The reference agent inside this process is talked to as any other, over a WebSocket."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from platform_agent import AgentServer, Backend, OfflineBackend
from surfacehost.agent.sockets import AgentAddress
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Reference, Settings
from surfacehost.surface import trust


async def agent_address(settings: Settings, stack: AsyncExitStack) -> AgentAddress:
    """Where the agent is; the embedded one is started first."""
    wanted = settings.agent
    url, token = wanted.url, wanted.token.get_secret_value() if wanted.token else None
    if wanted.embedded:
        url, token = await stack.enter_async_context(embedded_agent(wanted.reference))
    patience = {
        name: getattr(wanted, name)
        for name in (
            "connect_timeout_s", "first_event_timeout_s", "silence_timeout_s", "run_timeout_s", "idle_close_s",
            "max_connections", "dialect",
        )
    }  # fmt: skip
    tls = (
        trust(settings.folder / wanted.tls_ca_file if wanted.tls_ca_file else None) if url.startswith("wss:") else None
    )
    return AgentAddress(url=url, token=token, tls=tls, **patience)


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
