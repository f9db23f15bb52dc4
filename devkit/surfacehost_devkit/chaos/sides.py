"""What a surface needs to be put through a storm, and how Matrix and Telegram meet it.

A surface of one's own takes part with a class of a few lines: see ``tests/chaos/test_third_party.py``.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from surfacehost_devkit.botapi import BotApi
from surfacehost_devkit.botapi.model import Account
from surfacehost_devkit.matrixperson import MatrixPerson


class Side(Protocol):
    """One surface of the host, seen from the platform: people who write, and what they read."""

    name: str
    """Name of the instance."""
    conversations: Sequence[str]
    """Chats of a person each with the bot, by whatever name ``say`` and ``heard`` know them."""
    part_chars: int
    """How many characters surely fit into one message."""
    steps: Mapping[str, str]
    """Its own steps on a message's way, as ``Doom`` names them, and what becomes of a message when we die there."""
    rare: Mapping[str, str]
    """Further steps that are passed only in a life after one that ended at another step: step to that step."""
    beside: frozenset[str]
    """Calls that are not on the way: they decorate, or belong to a start."""

    def table(self) -> str:
        """Its table in settings.toml."""

    async def meet(self) -> None:
        """Make the conversations; the host runs."""

    async def say(self, conversation: str, text: str) -> None:
        """Somebody writes; on return the platform has it."""

    async def heard(self, conversation: str) -> list[str]:
        """What the bot has said there, in the platform's order."""


class MatrixSide:
    """One account on a homeserver; a person with several direct chats."""

    name = "matrix"
    part_chars = 22_000
    steps: Mapping[str, str] = {
        "GET sync before": "nothing is known: the next sync brings it",
        "GET sync after": "not stored: the next sync, from the same token, brings it again",
        "PUT rooms/*/send/m.room.message/* before": "it has not left: it comes again, marked as repeated",
        "PUT rooms/*/send/m.room.message/* after": "it has arrived: the same transaction id makes no second event",
    }
    rare: Mapping[str, str] = {
        "GET rooms/*/context/* before": "PUT rooms/*/send/m.room.message/* after",
        "GET rooms/*/context/* after": "PUT rooms/*/send/m.room.message/* after",
    }
    beside = frozenset(
        {
            "PUT rooms/*/typing/*",
            "POST rooms/*/receipt/m.read/*",
            "GET account/whoami",
            "GET rooms/*/state/m.room.encryption",  # a look before each send
            "POST keys/query",
            "note_preview",  # an answer that comes at once is shown when it is whole
            "note_mark",
        }
    )

    def __init__(self, person: MatrixPerson, homeserver: str, user_id: str, password: str, *, chats: int) -> None:
        self._person = person
        self._homeserver = homeserver
        self._user_id = user_id
        self._password = password
        self._chats = chats
        self.conversations: Sequence[str] = ()

    def table(self) -> str:
        """Everybody may invite; encryption has tests of its own."""
        return f"""
            [surfaces.matrix]
            homeserver = "{self._homeserver}"
            user_id = "{self._user_id}"
            password = "{self._password}"
            invites = "allow"
        """

    async def meet(self) -> None:
        """Invite the bot into the chats, and wait for its greetings."""
        self.conversations = [
            await self._person.create_room(direct=True, invite=[self._user_id]) for _ in range(self._chats)
        ]
        for room in self.conversations:
            await self._person.wait_for(
                lambda room=room: any(  # type: ignore[misc]
                    event.sender == self._user_id and event.body for event in self._person.seen.events[room]
                )
            )

    async def say(self, conversation: str, text: str) -> None:
        """The person writes into one of the chats."""
        await self._person.send(conversation, text)

    async def heard(self, conversation: str) -> list[str]:
        """Every message of the bot's there, as edited last."""
        return self._person.seen.said(conversation, self._user_id)


class TelegramSide:
    """One bot on the simulator; several people with a private chat each."""

    name = "telegram"
    part_chars = 3_000
    fetched: Mapping[str, str] = {
        "getUpdates before": "nothing is known: the next poll brings it",
        "getUpdates after": "not stored, and so not confirmed: the next poll brings it again",
    }
    """How messages come with ``mode = "polling"``."""
    brought: Mapping[str, str] = {
        "POST webhook/telegram before": "it has come, and is nowhere stored: Telegram brings it again",
        "POST webhook/telegram after": "it is on the disk, and Telegram has been told",
    }
    """The same with ``mode = "webhook"``."""
    sent: Mapping[str, str] = {
        "note before": "nothing has left, and nothing is noted: it is sent",
        "note inside": "the same",
        "note after": "it has not left, but is noted as being sent: looked for, not found, sent",
        "sendMessage before": "it has not left, which nobody can know later: looked for, not found, sent",
        "sendMessage after": "it has arrived, which nobody can know later: looked for, found, not sent again",
        "write before": "the same",
        "write inside": "the same",
        "write after": "the same",
    }
    rare: Mapping[str, str] = {
        "editMessageReplyMarkup before": "sendMessage after",
        "editMessageReplyMarkup after": "sendMessage after",
    }
    growing: Mapping[str, str] = {
        "note_preview before": "no preview has left, and nothing is noted: the next one is a new message",
        "note_preview inside": "the same",
        "note_preview after": "it is noted as being sent, or which one it is: the answer looks for it or takes it over",
        "editMessageText before": "the edit has not been made: it is made",
        "editMessageText after": "it has been made: making it again changes nothing",
    }
    """Further steps where answers grow by edits: in groups, and in chats that take no drafts."""
    beside = frozenset(
        {
            "sendChatAction",
            "sendMessageDraft",
            "setMessageReaction",
            "note_mark",
            "getMe",
            "getMyCommands",
            "setMyCommands",
            "getWebhookInfo",
        }
    )

    def __init__(
        self,
        api: BotApi,
        *,
        chats: int,
        username: str = "agent_bot",
        delivery: str = "probe",
        takes_drafts: bool = True,
        mode: str = "polling",
    ) -> None:
        self._api = api
        self._bot = api.world.bot(username)
        self._delivery = delivery
        self._mode = mode
        self._people: dict[str, Account] = {str(one.id): one for one in (api.world.person() for _ in range(chats))}
        self.conversations: Sequence[str] = list(self._people)
        for person in self._people.values():
            api.world.private_chat(person, self._bot).takes_drafts = takes_drafts
        self.steps: Mapping[str, str] = {
            **(self.brought if mode == "webhook" else self.fetched),
            **self.sent,
            **({} if takes_drafts else self.growing),
        }

    def table(self) -> str:
        """The bot on the simulator, asked or asking."""
        return f"""
            [surfaces.telegram]
            token = "{self._bot.token}"
            base_url = "{self._api.url}"
            delivery = "{self._delivery}"
            mode = "{self._mode}"
        """

    async def meet(self) -> None:
        """Nothing: a private chat begins with the first message."""

    async def say(self, conversation: str, text: str) -> None:
        """A person writes to the bot."""
        self._api.world.write(self._people[conversation], text, bot=self._bot)

    async def heard(self, conversation: str) -> list[str]:
        """Every message of the bot's there."""
        return [one.content.text for one in self._api.world.replies(int(conversation), bot=self._bot)]
