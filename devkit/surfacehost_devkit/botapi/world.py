"""The people's side of the simulated Telegram: who there is, what they write, what they see."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from surfacehost_devkit.botapi import news, posts
from surfacehost_devkit.botapi.calls import CallRecord
from surfacehost_devkit.botapi.entities import Entity, found_in
from surfacehost_devkit.botapi.media import MEDIA
from surfacehost_devkit.botapi.model import PRESENT, Account, Bot, Chat, Content, Draft, Json, Message, Topic
from surfacehost_devkit.botapi.state import ChatAction, State, Tap
from surfacehost_devkit.botapi.updates import UpdateQueue

T = TypeVar("T")
FIRST_PERSON, FIRST_BOT = 1001, 7_000_000_001
# Bot ids are above 32 bits and update ids far from 1 on the real server; code that minds should fail here too.
FIRST_UPDATE = 734_000_100


class World:
    """People, bots, private chats, and everything that is written; groups are made by `Groups`."""

    def __init__(self, state: State) -> None:
        self.state = state

    def bot(
        self,
        username: str = "agent_bot",
        *,
        token: str = "",
        name: str = "Agent",
        can_join_groups: bool = True,
        can_read_all_group_messages: bool = False,
        has_topics_enabled: bool = False,
    ) -> Bot:
        """Create a bot; without a token one of the usual form is made."""
        number = int(token.partition(":")[0]) if token else FIRST_BOT + len(self.state.bots)
        account = self._add(Account(id=number, first_name=name, username=username, is_bot=True))
        bot = Bot(
            token=token or f"{number}:AAHsimulated-token-of-a-bot-{number}",
            account=account,
            queue=UpdateQueue(FIRST_UPDATE + number % 1000, self.state.clock, self.state.pace, self.state.bell),
            can_join_groups=can_join_groups,
            can_read_all_group_messages=can_read_all_group_messages,
            has_topics_enabled=has_topics_enabled,
            allows_users_to_create_topics=has_topics_enabled,
        )
        self.state.bots[bot.token] = bot
        return bot

    def person(
        self,
        first_name: str = "Alice",
        *,
        id: int = 0,  # noqa: A002  # the word Telegram uses
        last_name: str = "",
        username: str = "",
        language_code: str = "en",
    ) -> Account:
        """Create a person."""
        people = sum(not account.is_bot for account in self.state.accounts.values())
        account = Account(
            id=id or FIRST_PERSON + people,
            first_name=first_name,
            last_name=last_name,
            username=username,
            language_code=language_code,
        )
        return self._add(account)

    def _add(self, account: Account) -> Account:
        if account.id in self.state.accounts:
            raise ValueError(f"there is an account with id {account.id} already")
        self.state.accounts[account.id] = account
        return account

    def account(self, which: Account | int) -> Account:
        """An account, by itself or by id; LookupError where there is none."""
        return which if isinstance(which, Account) else self.state.accounts[which]

    def the_bot(self, which: Bot | int | None = None) -> Bot:
        """A bot by itself or by id; None: the only one there is, LookupError if there are more."""
        if isinstance(which, Bot):
            return which
        found = [bot for bot in self.state.bots.values() if which is None or bot.id == which]
        if len(found) != 1:
            raise LookupError(f"{len(found)} bots fit: say which one")
        return found[0]

    def private_chat(self, person: Account | int, bot: Bot | int | None = None) -> Chat:
        """The private chat of a person with a bot; the bot may write there once the person did."""
        return self.state.private_chat(self.the_bot(bot), self.account(person))

    def chat(self, which: Chat | int, bot: Bot | int | None = None) -> Chat:
        """A chat by itself or by id; the id of a person means the private chat with `bot`."""
        if isinstance(which, Chat):
            return which
        return self.state.groups[which] if which < 0 else self.private_chat(which, bot)

    # ── what people do ──────────────────────────────────────────────────────────────────────────────────────────

    def write(  # noqa: PLR0913  # a message has this many sides
        self,
        person: Account | int,
        text: str,
        chat: Chat | int | None = None,
        *,
        bot: Bot | int | None = None,
        reply_to: Message | int | None = None,
        topic: Topic | int | None = None,
        entities: Sequence[Entity] = (),
        quote: str = "",
    ) -> Message:
        """A person writes, by default in their private chat with the bot; mentions and commands are found."""
        content = Content(text=text, entities=(*entities, *found_in(text, commands=True)), quote=quote)
        who = self.account(person)
        where = self._place(who, chat, bot)
        answered = where.messages[reply_to] if isinstance(reply_to, int) else reply_to
        theme = where.topics[topic] if isinstance(topic, int) else topic
        return posts.post(self.state, where, who, content, reply_to=answered, topic=theme)

    def send_media(  # noqa: PLR0913  # a file has this many sides
        self,
        person: Account | int,
        kind: str,
        data: bytes = b"bytes",
        chat: Chat | int | None = None,
        *,
        name: str = "file.bin",
        mime_type: str = "application/octet-stream",
        caption: str = "",
        bot: Bot | int | None = None,
        album: str = "",
    ) -> Message:
        """A person sends a file of one of the kinds of `media.MEDIA`; those of one *album* are shown together."""
        fields = MEDIA[kind](self.state.store_file(name, mime_type, data))
        content = Content(text=caption, entities=tuple(found_in(caption, commands=True)), media=fields, album=album)
        who = self.account(person)
        return posts.post(self.state, self._place(who, chat, bot), who, content)

    def send_fields(
        self, person: Account | int, fields: Json, chat: Chat | int | None = None, *, bot: Bot | int | None = None
    ) -> Message:
        """A person sends something that is no file: `media.location`, `media.poll` and so on."""
        who = self.account(person)
        return posts.post(self.state, self._place(who, chat, bot), who, Content(media=fields))

    def stop_draft(self, person: Account | int, *, bot: Bot | int | None = None) -> None:
        """A person presses the stop button of the draft they see; LookupError where there is none."""
        chat = self.private_chat(person, bot)
        news.tell_stop(chat, chat.drafts[-1])

    def send_file(  # noqa: PLR0913  # a file has this many sides
        self,
        person: Account | int,
        data: bytes,
        name: str,
        chat: Chat | int | None = None,
        *,
        mime_type: str = "application/octet-stream",
        caption: str = "",
        bot: Bot | int | None = None,
        topic: Topic | int | None = None,
    ) -> Message:
        """A person sends a document."""
        stored = self.state.store_file(name, mime_type, data)
        content = Content(text=caption, entities=tuple(found_in(caption, commands=True)), document=stored)
        who = self.account(person)
        where = self._place(who, chat, bot)
        theme = where.topics[topic] if isinstance(topic, int) else topic
        return posts.post(self.state, where, who, content, topic=theme)

    def _place(self, who: Account, chat: Chat | int | None, bot: Bot | int | None) -> Chat:
        where = self.private_chat(who, bot) if chat is None else self.chat(chat, bot)
        if where.kind == "private":
            where.started, where.blocked = True, False
        elif where.member(who).status not in PRESENT:
            raise ValueError(f"{who.first_name} is not in {where.title}")
        return where

    def edit(self, message: Message, text: str) -> None:
        """The author changes the text, or the caption, of a message."""
        content = replace(message.content, text=text, entities=tuple(found_in(text, commands=True)))
        posts.change(self.state, message, content)

    def delete(self, *messages: Message) -> None:
        """Somebody deletes messages; bots hear nothing of it."""
        posts.delete(self.state, messages)

    def tap(self, person: Account | int, message: Message, data: str, *, late: bool = False) -> Tap:
        """A person taps the inline button with this callback data; ValueError if there is none.

        *late*: on a screen that has not been told of the edits; any button that the message ever had will do.
        """
        shown = message.versions if late else [message.content]
        keyboards = [(content.markup or {}).get("inline_keyboard") for content in shown]
        rows = [row for keyboard in keyboards if isinstance(keyboard, list) for row in keyboard]
        if not any(button.get("callback_data") == data for row in rows for button in row):
            raise ValueError(f"no button {data!r} under message {message.id}")
        return news.tell_tap(self.state, message, self.account(person), data)

    def react(self, person: Account | int, message: Message, emoji: str | None) -> None:
        """A person reacts to a message, or takes the reaction back (None)."""
        who = self.account(person)
        old = message.reactions.get(who.id, [])
        new: list[Json] = [{"type": "emoji", "emoji": emoji}] if emoji else []
        message.reactions[who.id] = new
        news.tell_reaction(self.state, message, who, old, new)

    def block(self, person: Account | int, bot: Bot | int | None = None) -> None:
        """A person blocks the bot."""
        self._set_blocked(person, bot, blocked=True)

    def unblock(self, person: Account | int, bot: Bot | int | None = None) -> None:
        """A person lets the bot write again."""
        self._set_blocked(person, bot, blocked=False)

    def _set_blocked(self, person: Account | int, bot: Bot | int | None, *, blocked: bool) -> None:
        chat = self.private_chat(person, bot)
        chat.started, chat.blocked = True, blocked
        news.tell_block(self.state, chat, blocked=blocked)

    # ── what people see ─────────────────────────────────────────────────────────────────────────────────────────

    def messages(self, chat: Chat | int, *, bot: Bot | int | None = None, after: Message | int = 0) -> list[Message]:
        """What stands in a chat now, oldest first."""
        number = after.id if isinstance(after, Message) else after
        return [one for one in self.chat(chat, bot).messages.values() if one.id > number and not one.deleted]

    def replies(self, chat: Chat | int, *, bot: Bot | int | None = None, after: Message | int = 0) -> list[Message]:
        """What bots wrote in a chat, service messages aside."""
        found = self.messages(chat, bot=bot, after=after)
        return [one for one in found if one.sender.is_bot and one.service is None]

    async def wait_for_reply(
        self,
        chat: Chat | int,
        *,
        after: Message | int = 0,
        timeout_s: float = 30.0,
        bot: Bot | int | None = None,
        where: Callable[[Message], bool] = lambda _: True,
    ) -> Message:
        """The first message of a bot after `after` that is as `where` says, edits included; TimeoutError."""

        def look() -> Message | None:
            return next((one for one in self.replies(chat, bot=bot, after=after) if where(one)), None)

        return await self.wait_for(look, timeout_s=timeout_s)

    async def wait_for(self, look: Callable[[], T | None], *, timeout_s: float = 30.0) -> T:
        """What `look` finds, as soon as it is not None; looked at after every change of the world."""
        return await self.state.bell.until(look, timeout_s=timeout_s)

    async def wait_for_call(self, method: str, *, after: int = 0, timeout_s: float = 30.0) -> CallRecord:
        """The first call of a method with a number above `after`; it may still be running."""
        return await self.wait_for(
            lambda: next(iter(self.state.calls.of(method, after=after)), None), timeout_s=timeout_s
        )

    def actions(self, chat: Chat | int, *, bot: Bot | int | None = None) -> list[ChatAction]:
        """The "typing…" and the like shown in a chat, oldest first."""
        where = self.chat(chat, bot)
        return [one for one in self.state.actions if one.chat is where]

    def drafts(self, chat: Chat | int, *, bot: Bot | int | None = None) -> list[Draft]:
        """The drafts shown in a private chat now."""
        return list(self.chat(chat, bot).drafts)
