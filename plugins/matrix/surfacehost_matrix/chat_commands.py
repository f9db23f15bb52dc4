"""What a person tells the bot about their chats: ``/chat new <name>`` and ``/chat name <name>``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from surfacehost import Message
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.provision import Provisioning
from surfacehost_matrix.rooms import rename

LONGEST = 200
"""Characters of a chat's name; the rest is left out."""

_COMMAND = re.compile(r"[/!]chat\b\s*(?:(new|name)\b)?\s*(.*)", re.IGNORECASE | re.DOTALL)

Words = Mapping[str, str]
"""A sentence in each language."""

USAGE = {
    "en": "`/chat new <name>` makes another chat in your Space, `/chat name <name>` gives this one another name.",
    "ru": "`/chat new <название>` — новый чат в вашем пространстве, `/chat name <название>` — новое имя этого.",
}
MADE = {"en": "[{name}]({link}) is in your Space now.", "ru": "[{name}]({link}) уже в вашем пространстве."}
NO_SPACE = {
    "en": "You have no Space of your own here, so I can't add a chat to it.",
    "ru": "Своего пространства для вас здесь нет, поэтому добавить чат некуда.",
}
NAMED = {"en": "This chat is now called {name}.", "ru": "Теперь этот чат называется {name}."}
NOT_ALLOWED = {"en": "I'm not allowed to do that here.", "ru": "Здесь мне это не разрешено."}


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """What is to be done; nothing: it was not understood."""

    act: Literal["new", "name"] | None
    name: str


def read(message: Message) -> ChatCommand | None:
    """The command that *message* is; None for everything else, and in groups."""
    found = _COMMAND.fullmatch(message.text.strip()) if message.direct else None
    if found is None:
        return None
    name = " ".join(found[2].split())[:LONGEST]
    act = (found[1] or "").lower()
    if name and act == "new":
        return ChatCommand("new", name)
    return ChatCommand("name", name) if name and act == "name" else ChatCommand(None, name)


async def obey(
    command: ChatCommand, message: Message, homeserver: Homeserver, provisioning: Provisioning | None
) -> Words:
    """Do it, and say so. Done again for the same *message* it changes nothing. Raises NotReady."""
    try:
        if command.act == "new":
            room = (
                await provisioning.add(homeserver, message.sender, message.id, command.name) if provisioning else None
            )
            return _filled(MADE, command.name, _link(homeserver, room)) if room else NO_SPACE
        if command.act == "name":
            renaming = provisioning.call if provisioning else rename
            await renaming(homeserver, message.chat, command.name)
            return _filled(NAMED, command.name)
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        return NOT_ALLOWED
    return USAGE


def _filled(words: Words, name: str, link: str = "") -> Words:
    """*words* with the name as plain text, whatever signs of Markdown are in it."""
    plain = re.sub(r"([\\`*_\[\]<>!#|~&])", r"\\\1", name)
    return {language: text.format(name=plain, link=link) for language, text in words.items()}


def _link(homeserver: Homeserver, room: str) -> str:
    return f"https://matrix.to/#/{room}?via={homeserver.user_id.split(':', 1)[1]}"
