"""surfacehost puts one AI agent on many chat surfaces from one process.

This module is the door: what it exports is what a plugin may use, and nothing behind it is promised.
"""

from surfacehost.errors import Kind, NotReady, PlatformError, Refused, SettingsError, Uncertain, Undeliverable
from surfacehost.events import Event, Invite, Message, Reply
from surfacehost.hookspecs import hookimpl
from surfacehost.surface import (
    CONTRACT,
    Behaviour,
    Capabilities,
    Home,
    Memory,
    PlatformClient,
    Put,
    Surface,
    SurfaceSettings,
    trust,
)
from surfacehost.threads import ThreadKey, ThreadKeyError

__all__ = [
    "CONTRACT",
    "Behaviour",
    "Capabilities",
    "Event",
    "Home",
    "Invite",
    "Kind",
    "Memory",
    "Message",
    "NotReady",
    "PlatformClient",
    "PlatformError",
    "Put",
    "Refused",
    "Reply",
    "SettingsError",
    "Surface",
    "SurfaceSettings",
    "ThreadKey",
    "ThreadKeyError",
    "Uncertain",
    "Undeliverable",
    "hookimpl",
    "trust",
]
