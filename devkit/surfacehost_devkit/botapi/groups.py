"""Groups, supergroups, forums: making them, letting bots in and out, topics, migration."""

from collections.abc import Iterable

from surfacehost_devkit.botapi import news, posts, shapes
from surfacehost_devkit.botapi.model import (
    PRESENT,
    Account,
    Bot,
    Chat,
    ChatKind,
    Json,
    Member,
    Status,
    Topic,
)
from surfacehost_devkit.botapi.state import State
from surfacehost_devkit.botapi.world import World

_FIRST_GROUP, _FIRST_SUPERGROUP = -4_001_000_001, -1_001_500_000_001
_TOPIC_COLOR = 7322096
_MADE = 1
"""The id of the message that tells that a supergroup was made; General has the same (core.telegram.org/api/forum)."""


class Groups:
    """What people do with groups."""

    def __init__(self, state: State, world: World) -> None:
        self._state = state
        self._world = world

    def group(self, title: str, creator: Account | int, people: Iterable[Account | int] = ()) -> Chat:
        """Create a basic group."""
        return self._create("group", title, creator, people)

    def supergroup(
        self, title: str, creator: Account | int, people: Iterable[Account | int] = (), *, username: str = ""
    ) -> Chat:
        """Create a supergroup, a public one if it has a username."""
        chat = self._create("supergroup", title, creator, people)
        chat.username = username
        return chat

    def forum(self, title: str, creator: Account | int, people: Iterable[Account | int] = ()) -> Chat:
        """Create a supergroup with topics."""
        chat = self._create("supergroup", title, creator, people)
        chat.is_forum = True
        return chat

    def _create(self, kind: ChatKind, title: str, creator: Account | int, people: Iterable[Account | int]) -> Chat:
        first = _FIRST_GROUP if kind == "group" else _FIRST_SUPERGROUP
        taken = sum(chat.kind == kind for chat in self._state.groups.values())
        chat = Chat(id=first - taken, kind=kind, title=title)
        owner = self._world.account(creator)
        chat.members[owner.id] = Member(account=owner, status="creator")
        if kind == "supergroup":
            chat.last_message_id = _MADE
        for one in people:
            self.join(chat, one)
        self._state.groups[chat.id] = chat
        return chat

    def join(self, chat: Chat | int, person: Account | int) -> None:
        """A person comes into a group, without a word about it."""
        account = self._world.account(person)
        where = self._world.chat(chat)
        where.members[account.id] = Member(account=account, status="member")

    def add_bot(
        self,
        chat: Chat | int,
        by: Account | int,
        bot: Bot | int | None = None,
        *,
        as_admin: bool = False,
        can_manage_topics: bool = False,
    ) -> None:
        """Somebody adds the bot: `my_chat_member`, then the service message."""
        where, who, it = self._world.chat(chat), self._world.account(by), self._world.the_bot(bot)
        if not it.can_join_groups:
            raise ValueError("this bot can't be added to groups")
        self.set_standing(
            where, who, "administrator" if as_admin else "member", it, can_manage_topics=can_manage_topics
        )
        added = [shapes.user(it.account)]
        service: Json = {"new_chat_member": added[0], "new_chat_participant": added[0], "new_chat_members": added}
        posts.post_service(self._state, where, who, service)

    def remove_bot(self, chat: Chat | int, by: Account | int, bot: Bot | int | None = None) -> None:
        """Somebody throws the bot out."""
        posts.depart(self._state, self._world.chat(chat), self._world.account(by), self._world.the_bot(bot), "kicked")

    def set_standing(
        self,
        chat: Chat | int,
        by: Account | int,
        status: Status,
        bot: Bot | int | None = None,
        *,
        can_manage_topics: bool = False,
        can_send: bool = True,
    ) -> None:
        """Somebody changes what the bot is in a group; the bot hears of it by `my_chat_member`."""
        where, who, it = self._world.chat(chat), self._world.account(by), self._world.the_bot(bot)
        old = where.member(it.account)
        new = old.standing(status, can_manage_topics=can_manage_topics, can_send=can_send)
        where.members[it.id] = new
        news.tell_standing(self._state, it, where, who, old, new)
        self._state.bell.ring()

    def migrate(self, chat: Chat | int, by: Account | int, *, untold: bool = False) -> Chat:
        """Turn a basic group into a supergroup: a new chat, and a service message in each of the two.

        Bots hear before that they came into the new one.
        *untold*: bots hear nothing before `tell_joining` and `tell_migration`, but what calls about the old one tell.
        """
        old, who = self._world.chat(chat), self._world.account(by)
        if old.kind != "group" or old.migrated_to is not None:
            raise ValueError("only a basic group that was not migrated yet can be")
        new = self._create("supergroup", old.title, who, ())
        new.members |= {number: one for number, one in old.members.items() if one.status in PRESENT}
        old.migrated_to = new
        if not untold:
            self.tell_joining(new, who)
            self.tell_migration(old, who)
        return new

    def tell_joining(self, new: Chat, by: Account) -> None:
        """Say to the bots of a group that migrated that they are in the supergroup (telegram-bot-api, issue 266)."""
        for bot in self._state.bots_in(new):
            member = new.member(bot.account)
            news.tell_standing(self._state, bot, new, by, member.standing("left"), member)
        self._state.bell.ring()

    def tell_migration(self, old: Chat, by: Account) -> None:
        """Say in both chats that the one has become the other."""
        if old.migrated_to is None:
            raise ValueError("this group was not migrated")
        posts.post_service(self._state, old, by, {"migrate_to_chat_id": old.migrated_to.id})
        posts.post_service(self._state, old.migrated_to, by, {"migrate_from_chat_id": old.id})

    def enable_topics(self, chat: Chat | int) -> None:
        """Somebody switches topics on in a supergroup; bots hear nothing of it, but in what is written next."""
        where = self._world.chat(chat)
        if where.kind != "supergroup":
            raise ValueError("only a supergroup can have topics")
        where.is_forum = True

    def disable_topics(self, chat: Chat | int) -> None:
        """Somebody switches topics off; bots hear nothing of it, and what was in topics is in the chat itself."""
        self._world.chat(chat).is_forum = False

    def open_topic(self, chat: Chat | int, by: Account | int, name: str, *, bot: Bot | int | None = None) -> Topic:
        """Somebody opens a topic, in a forum or (with a bot that has topics) in the private chat."""
        where = self._world.chat(chat, bot)
        if not where.is_forum and not (where.bot is not None and where.bot.has_topics_enabled):
            raise ValueError("this chat has no topics")
        where.started = True
        return posts.open_topic(self._state, where, self._world.account(by), name, _TOPIC_COLOR)

    def close_topic(self, chat: Chat | int, by: Account | int, topic: Topic) -> None:
        """Somebody closes a topic."""
        topic.closed = True
        self._tell_topic(chat, by, topic, {"forum_topic_closed": {}})

    def reopen_topic(self, chat: Chat | int, by: Account | int, topic: Topic) -> None:
        """Somebody opens a closed topic again."""
        topic.closed = False
        self._tell_topic(chat, by, topic, {"forum_topic_reopened": {}})

    def rename_topic(self, chat: Chat | int, by: Account | int, topic: Topic, name: str) -> None:
        """Somebody renames a topic."""
        topic.name = name
        self._tell_topic(chat, by, topic, {"forum_topic_edited": {"name": name}})

    def delete_topic(self, chat: Chat | int, topic: Topic) -> None:
        """Somebody deletes a topic with all its messages; bots hear nothing of it."""
        topic.deleted = True
        where = self._world.chat(chat)
        posts.delete(self._state, [one for one in where.messages.values() if one.thread_id == topic.thread_id])

    def _tell_topic(self, chat: Chat | int, by: Account | int, topic: Topic, service: Json) -> None:
        posts.post_service(self._state, self._world.chat(chat), self._world.account(by), service, topic=topic)
