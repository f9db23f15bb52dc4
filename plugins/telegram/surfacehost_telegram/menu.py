"""The commands that Telegram's clients offer, set where they are not what they should be."""

from collections.abc import Mapping

from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats

from surfacehost_telegram.bot import Bot

FALLBACK = "en"
"""The language for people whose own there is no list in."""

_SCOPES = (BotCommandScopeAllPrivateChats, BotCommandScopeAllGroupChats)


async def offer(bot: Bot, commands: Mapping[str, Mapping[str, str]]) -> None:
    """Have Telegram offer *commands*: language to command to what it does. Raises TelegramError.

    A list without a language is for everybody who has none of their own:
    https://core.telegram.org/bots/api#setmycommands.
    """
    for scope in _SCOPES:
        for language, wanted in commands.items():
            code = "" if language == FALLBACK else language
            shown = [BotCommand(name, text) for name, text in wanted.items()]
            if list(await bot.get_my_commands(scope(), code)) != shown:
                await bot.set_my_commands(shown, scope(), code)
