"""What the simulated Telegram consists of: people, bots, chats, topics and messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from surfacehost_devkit.botapi.entities import Entity
from surfacehost_devkit.botapi.updates import UpdateQueue

Json = dict[str, object]
ChatKind = Literal["private", "group", "supergroup"]
Status = Literal["creator", "administrator", "member", "restricted", "left", "kicked"]
PRESENT: frozenset[Status] = frozenset({"creator", "administrator", "member", "restricted"})
GENERAL_TOPIC = 1


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A person, or the user that a bot is."""

    id: int
    first_name: str
    is_bot: bool = False
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_premium: bool = False
    deactivated: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Bot:
    """A bot account with its token, its settings at @BotFather and its queue of updates."""

    token: str = field(repr=False)
    account: Account
    queue: UpdateQueue = field(repr=False)
    can_join_groups: bool = True
    can_read_all_group_messages: bool = False
    has_topics_enabled: bool = False
    allows_users_to_create_topics: bool = False
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    last_message_id: int = 0

    @property
    def id(self) -> int:
        """The bot's user id."""
        return self.account.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody's standing in a chat; the last two only say something about a bot."""

    account: Account
    status: Status
    can_manage_topics: bool = False
    can_send: bool = True

    def standing(self, status: Status, *, can_manage_topics: bool = False, can_send: bool = True) -> "Member":
        """The same account with another standing."""
        return replace(self, status=status, can_manage_topics=can_manage_topics, can_send=can_send)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file the server keeps; `data` is what a download returns."""

    file_id: str
    unique_id: str
    name: str
    mime_type: str
    path: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says: its text (or caption), its formatting, its buttons, its file.

    `shown_as` is as what the file is shown: document, photo, voice, audio, video or animation.
    """

    text: str = ""
    entities: tuple[Entity, ...] = ()
    markup: Mapping[str, object] | None = None
    document: StoredFile | None = None
    media: Mapping[str, object] | None = None
    """Fields of whatever else it is: see `media`."""
    album: str = ""
    """What it is shown together with."""
    quote: str = ""
    """The part that its writer marked of what they reply to."""
    shown_as: str = "document"
    link_preview: Mapping[str, object] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """One message in one chat, with every content it ever had in `versions` (the last is shown)."""

    id: int
    chat: "Chat"
    sender: Account
    date: int
    versions: list[Content]
    edit_date: int = 0
    reply_to: "Message | None" = None
    thread_id: int | None = None
    is_topic_message: bool = False
    service: Json | None = None
    deleted: bool = False
    reactions: dict[int, list[Json]] = field(default_factory=dict)

    @property
    def content(self) -> Content:
        """What the message says now."""
        return self.versions[-1]

    @property
    def text(self) -> str:
        """The text (or caption) as it stands now."""
        return self.content.text

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The formatting as it stands now."""
        return self.content.entities


@dataclass(slots=True, kw_only=True, eq=False)
class Topic:
    """A topic of a forum or of a private chat."""

    thread_id: int
    name: str
    icon_color: int
    creation: Message
    closed: bool = False
    deleted: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """What a bot shows while it writes; it leaves no message."""

    draft_id: int
    text: str
    entities: tuple[Entity, ...]
    thread_id: int | None
    date: float
    can_stop: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Chat:
    """A private chat of one bot with one person, a basic group, or a supergroup (perhaps a forum)."""

    id: int
    kind: ChatKind
    title: str = ""
    username: str = ""
    is_forum: bool = False
    bot: Bot | None = None
    person: Account | None = None
    started: bool = False
    blocked: bool = False
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    topics: dict[int, Topic] = field(default_factory=dict, repr=False)
    messages: dict[int, Message] = field(default_factory=dict, repr=False)
    drafts: list[Draft] = field(default_factory=list, repr=False)
    takes_drafts: bool = True
    last_message_id: int = 0
    migrated_to: "Chat | None" = field(default=None, repr=False)

    def living(self, message_id: int) -> Message | None:
        """The message with this id unless it was deleted."""
        message = self.messages.get(message_id)
        return None if message is None or message.deleted else message

    def member(self, account: Account) -> Member:
        """Somebody's standing here; whoever never came has left."""
        return self.members.get(account.id) or Member(account=account, status="left")
