"""One call of one method by one bot."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from surfacehost_devkit.botapi.access import chat_of
from surfacehost_devkit.botapi.entities import FormattedText, format_text
from surfacehost_devkit.botapi.model import Bot, Chat
from surfacehost_devkit.botapi.params import Params
from surfacehost_devkit.botapi.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who calls, with what."""

    state: State
    bot: Bot
    params: Params

    def chat(self, *, write: bool = True) -> Chat:
        """The chat the call names, if the bot may act there."""
        return chat_of(self.state, self.bot, self.params, write=write)

    def formatted(self, field: str = "text", entities: str = "entities") -> FormattedText:
        """The text of the call with its formatting."""
        return format_text(
            self.params.text(field),
            self.params.text("parse_mode"),
            self.params.decoded(entities),
            commands=self.params.text("chat_id").startswith(("-", "@")),
            knows_user=lambda number: number in self.state.accounts,
        )


Method = Callable[[Call], object | Awaitable[object]]
