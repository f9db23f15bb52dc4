"""surfacehost puts one AI agent on many chat surfaces from one process.

This module is the door: what it exports is what a plugin may use, and nothing behind it is promised.
"""

from surfacehost.asides import beside
from surfacehost.behaviour import Behaviour, Group, SurfaceSettings
from surfacehost.errors import Kind, NotReady, PlatformError, Refused, SettingsError, TooLarge, Uncertain, Undeliverable
from surfacehost.events import Attachment, Choice, Edit, Event, File, Invite, MediaKind, Message, Redaction, Reply
from surfacehost.hookspecs import hookimpl
from surfacehost.surface import (
    CONTRACT,
    Capabilities,
    Examines,
    Fetches,
    Finding,
    Forgets,
    Home,
    Memory,
    Pace,
    PlatformClient,
    Put,
    Reacts,
    Surface,
    trust,
)
from surfacehost.threads import ThreadKey, ThreadKeyError

__all__ = [
    "CONTRACT",
    "Attachment",
    "Behaviour",
    "Capabilities",
    "Choice",
    "Edit",
    "Event",
    "Examines",
    "Fetches",
    "File",
    "Finding",
    "Forgets",
    "Group",
    "Home",
    "Invite",
    "Kind",
    "MediaKind",
    "Memory",
    "Message",
    "NotReady",
    "Pace",
    "PlatformClient",
    "PlatformError",
    "Put",
    "Reacts",
    "Redaction",
    "Refused",
    "Reply",
    "SettingsError",
    "Surface",
    "SurfaceSettings",
    "ThreadKey",
    "ThreadKeyError",
    "TooLarge",
    "Uncertain",
    "Undeliverable",
    "beside",
    "hookimpl",
    "trust",
]
