"""The person on Telegram: a private chat with the bot on the simulator."""

import functools

from surfacehost_devkit.botapi import Account, Bot, BotApi, Message
from surfacehost_devkit.botapi.shapes import entity
from surfacehost_devkit.demo.board import Board, Note
from surfacehost_devkit.demo.people import Unsayable

COLUMN = "telegram"
TYPING_S = 5.0
"""How long an action is shown, unless a message comes first (Bot API, "sendChatAction")."""

DRAFT_S = 30.0
"""How long a draft is shown, unless the message comes first (Bot API, "sendMessageDraft")."""


class OnTelegram:
    """Writes and taps in the simulated world, and sees what the bot does there."""

    def __init__(self, api: BotApi, person: Account, bot: Bot, board: Board) -> None:
        self._api = api
        self._person = person
        self._bot = bot
        self._board = board
        self._replies = 0
        self._actions = 0
        name = bot.account.username
        board.put(f"column/{COLUMN}", {"user": person.first_name, "at": api.url, "bot": f"@{name}", "rooms": []})

    async def say(self, text: str, room: str = "") -> None:
        """Write into the private chat, the only one there is."""
        if room:
            raise Unsayable("There is one chat only")
        if not text.strip():
            raise Unsayable("Telegram sends no empty message")
        self._api.world.write(self._person, text, bot=self._bot)

    async def tap(self, message: str, data: str) -> None:
        """Tap an inline button."""
        chat = self._api.world.private_chat(self._person, self._bot)
        found = chat.living(int(message.rpartition(":")[2]))
        if found is None:
            raise Unsayable("That message is gone")
        try:
            self._api.world.tap(self._person, found, data)
        except ValueError as error:
            raise Unsayable(str(error)) from error

    async def follow(self) -> None:
        """Show the chat after every change of the world."""
        while True:
            rung = self._api.state.bell.rung
            self._show()
            await self._api.world.wait_for(functools.partial(self._rung_since, rung), timeout_s=float("inf"))

    def _rung_since(self, rung: int) -> bool | None:
        return self._api.state.bell.rung > rung or None

    async def wait_for_reply(self, timeout_s: float) -> None:
        """Wait until the bot has said something. Raises TimeoutError."""
        await self._api.world.wait_for_reply(self._person.id, bot=self._bot, timeout_s=timeout_s)

    def _show(self) -> None:
        chat = self._api.world.private_chat(self._person, self._bot)
        for message in chat.messages.values():
            identity = f"{chat.id}:{message.id}"
            if message.deleted:
                self._board.drop(f"message/{COLUMN}/{identity}")
            elif message.service is None:
                self._board.put_message(COLUMN, identity, self._note(message, identity))
        self._board.put(f"typing/{COLUMN}", {"until": self._typing_until()})

    def _typing_until(self) -> float:
        """Until when "typing…" is shown, as a draft without words yet is, too; 0 when it is not."""
        actions = self._api.world.actions(self._person.id, bot=self._bot)
        replies = len(self._api.world.replies(self._person.id, bot=self._bot))
        if replies > self._replies:  # what was shown before a message ends with it
            self._replies, self._actions = replies, len(actions)
        until = actions[-1].at + TYPING_S if len(actions) > self._actions else 0
        return max([until, *(draft.date + DRAFT_S for draft in self._api.world.drafts(self._person.id, bot=self._bot))])

    def _note(self, message: Message, identity: str) -> Note:
        keyboard = (message.content.markup or {}).get("inline_keyboard")
        document = message.content.document
        return {
            "who": "agent" if message.sender.is_bot else "person",
            "room": "",
            "event": identity,
            "at": message.date,
            "text": message.text,
            "entities": [entity(one, self._api.state) for one in message.entities],
            "buttons": keyboard if isinstance(keyboard, list) else [],
            "file": document.name if document else "",
            "edited": len(message.versions) > 1,
        }
