"""The reference agent: a WebSocket server that speaks the agent contract, offline or with a provider behind it."""

from platform_agent.backend import AgentError, Backend
from platform_agent.offline import OfflineBackend
from platform_agent.server import AgentServer
from platform_agent.threads import Said, Thread
from platform_agent.wire import Turn

__all__ = ["AgentError", "AgentServer", "Backend", "OfflineBackend", "Said", "Thread", "Turn"]
