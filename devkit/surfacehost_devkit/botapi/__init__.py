"""A Telegram Bot API server that is no Telegram: as strict as the real one, and controlled by the test.

async with BotApi.serve() as api:
    bot = api.world.bot("agent_bot")
    alice = api.world.person("Alice")
    asked = api.world.write(alice, "hello")
    …  a client with base_url f"{api.url}/bot" and bot.token answers  …
    reply = await api.world.wait_for_reply(alice.id, after=asked)
"""

from surfacehost_devkit.botapi import faults, media
from surfacehost_devkit.botapi.calls import CallRecord
from surfacehost_devkit.botapi.clock import Clock, Pace
from surfacehost_devkit.botapi.entities import Entity
from surfacehost_devkit.botapi.faults import Fault
from surfacehost_devkit.botapi.flood import FloodLimits
from surfacehost_devkit.botapi.groups import Groups
from surfacehost_devkit.botapi.model import Account, Bot, Chat, Message, Topic
from surfacehost_devkit.botapi.server import BotApi
from surfacehost_devkit.botapi.world import World

__all__ = [
    "Account",
    "Bot",
    "BotApi",
    "CallRecord",
    "Chat",
    "Clock",
    "Entity",
    "Fault",
    "FloodLimits",
    "Groups",
    "Message",
    "Pace",
    "Topic",
    "World",
    "faults",
    "media",
]
