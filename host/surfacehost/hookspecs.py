"""The hooks a plugin may implement: what it hears.

A surface hears the events of its own account only; an extension (a plugin that is no surface) hears all of them, and
first. Take any of the arguments, by name. A hook may be ``def`` (it then runs in a thread) or ``async def``. They run
one after another; one that raises or takes too long stops none of the others, and only the owner's failure counts.
"""

import pluggy

from surfacehost.events import Event, Invite, Message
from surfacehost.surface import PlatformClient

hookspec = pluggy.HookspecMarker("surfacehost")
hookimpl = pluggy.HookimplMarker("surfacehost")


@hookspec
async def on_invite(invite: Invite, client: PlatformClient) -> None:
    """Someone asked the bot into a chat: the surface joins or declines, by its settings."""


@hookspec
async def on_message(message: Message, client: PlatformClient) -> None:
    """Someone wrote: the surface sends everything that ``client.answer(message)`` yields."""


@hookspec
async def on_error(error: Exception, event: Event, client: PlatformClient) -> None:
    """*event* could not be handled: the surface sends what ``client.explain(error, event)`` yields."""
