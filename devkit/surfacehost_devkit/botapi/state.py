"""Everything the simulator knows, and where to look it up."""

import secrets
from dataclasses import dataclass, field

from surfacehost_devkit.botapi.bell import Bell
from surfacehost_devkit.botapi.calls import CallLog
from surfacehost_devkit.botapi.clock import Clock, Pace
from surfacehost_devkit.botapi.faults import Faults
from surfacehost_devkit.botapi.flood import Flood
from surfacehost_devkit.botapi.model import PRESENT, Account, Bot, Chat, Message, StoredFile
from surfacehost_devkit.botapi.webhook import Webhook


@dataclass(slots=True, kw_only=True, eq=False)
class Tap:
    """A person's tap on an inline button, until the bot answers it."""

    query_id: str
    bot: Bot
    message: Message
    data: str
    answered: bool = False
    text: str = ""
    show_alert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAction:
    """A "typing…" or the like that a bot showed; `at` in Unix seconds."""

    chat: Chat
    bot_id: int
    action: str
    thread_id: int | None
    at: float


@dataclass(slots=True, kw_only=True, eq=False)
class State:
    """The simulated Telegram."""

    clock: Clock = field(default_factory=Clock)
    pace: Pace = field(default_factory=Pace)
    bell: Bell = field(default_factory=Bell)
    calls: CallLog = field(default_factory=CallLog)
    faults: Faults = field(default_factory=Faults)
    flood: Flood = field(default_factory=Flood)
    bots: dict[str, Bot] = field(default_factory=dict, repr=False)
    accounts: dict[int, Account] = field(default_factory=dict)
    groups: dict[int, Chat] = field(default_factory=dict)
    private: dict[tuple[int, int], Chat] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    taps: dict[str, Tap] = field(default_factory=dict)
    actions: list[ChatAction] = field(default_factory=list)
    webhooks: dict[int, Webhook] = field(default_factory=dict, repr=False)

    def now(self) -> int:
        """The date of what happens now, in whole Unix seconds."""
        return int(self.clock.wall())

    def bots_in(self, chat: Chat) -> list[Bot]:
        """The bots that are in a chat."""
        if chat.bot is not None:
            return [chat.bot]
        return [bot for bot in self.bots.values() if chat.member(bot.account).status in PRESENT]

    def bot_account(self, account: Account) -> Bot | None:
        """The bot that this account is, or None."""
        return next((bot for bot in self.bots.values() if bot.account is account), None)

    def private_chat(self, bot: Bot, person: Account) -> Chat:
        """The chat of these two; it exists from the first look, but the bot may write only once started."""
        key = (bot.id, person.id)
        if key not in self.private:
            self.private[key] = Chat(id=person.id, kind="private", bot=bot, person=person)
        return self.private[key]

    def next_message_id(self, chat: Chat) -> int:
        """The next id: private chats and basic groups count per bot account, each supergroup for itself."""
        if chat.kind == "supergroup":
            chat.last_message_id += 1
            return chat.last_message_id
        bots = self.bots_in(chat)
        number = max((bot.last_message_id for bot in bots), default=chat.last_message_id) + 1
        number = max(number, chat.last_message_id + 1)
        for bot in bots:
            bot.last_message_id = number
        chat.last_message_id = number
        return number

    def store_file(self, name: str, mime_type: str, data: bytes) -> StoredFile:
        """Keep a file and give it its ids."""
        unique = secrets.token_urlsafe(9)
        suffix = name.rpartition(".")[2] if "." in name else "bin"
        stored = StoredFile(
            file_id=f"BQAC{secrets.token_urlsafe(40)}",
            unique_id=f"AgAD{unique}",
            name=name,
            mime_type=mime_type,
            path=f"documents/file_{len(self.files)}.{suffix}",
            data=data,
        )
        self.files[stored.file_id] = stored
        return stored
