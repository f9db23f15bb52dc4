"""How a bot account is doing, for ``surfacehost doctor``: asks about it, and takes no update from whoever polls."""

from collections.abc import Iterator

from telegram import User, WebhookInfo
from telegram.error import InvalidToken, TelegramError

from surfacehost import Finding
from surfacehost_telegram.bot import Bot
from surfacehost_telegram.redact import without_secret
from surfacehost_telegram.settings import TelegramSettings


async def examine(bot: Bot, settings: TelegramSettings, *, webhook_url: str) -> list[Finding]:
    """What Telegram says of the account, whose updates are to come to *webhook_url*; empty: they are polled.

    Raises nothing of Telegram's.
    """
    await bot.connect()
    try:
        me = await bot.get_me()
        webhook = await bot.get_webhook_info()
    except InvalidToken as error:
        return [_bad(f"Telegram does not accept the token ({error})", "@BotFather gives a new one: /token")]
    except TelegramError as error:
        return [_bad(f"{settings.base_url} can't be asked: {error}", "is it reachable from here, and base_url right?")]
    finally:
        await bot.disconnect()
    return [
        _ok(f"the token is that of @{me.username} ({me.id})"),
        *_way_in(webhook, webhook_url, without_secret(webhook.url, bot.token)),
        *_groups(me, settings),
        _topics(me),
    ]


def _way_in(info: WebhookInfo, wanted: str, shown: str) -> Iterator[Finding]:
    """Whether messages come as they are to: by the webhook *wanted*, or by polling. *shown* is where there is one."""
    waiting = f"; {info.pending_update_count} updates wait" if info.pending_update_count else ""
    if wanted and info.url == wanted:
        yield _ok(f"Telegram brings its updates to {wanted}{waiting}")
    elif wanted and info.url:
        yield _warn(
            f"another webhook takes this bot's messages, at {shown}", "the host puts its own there at its start"
        )
    elif wanted:
        yield _warn(
            "Telegram has no webhook to bring updates to",
            "the host sets it at its start; where it runs, its /readyz says why Telegram does not take it",
        )
    elif info.url:
        yield _bad(
            f"a webhook takes this bot's messages, at {shown}: nothing can be polled",
            "remove it if it is not needed: call deleteWebhook of the Bot API with this token",
        )
    else:
        yield _ok(f"no webhook is in the way of polling{waiting}")
    if info.last_error_message:
        yield _warn(f"Telegram's last try at the webhook failed: {info.last_error_message}")


def _groups(me: User, settings: TelegramSettings) -> Iterator[Finding]:
    """Whether it can be where the settings want it, and hears there what they want it to answer."""
    if settings.group_policy == "disabled":
        return
    if not me.can_join_groups:
        yield _warn("it can't be added to groups", '@BotFather: /setjoingroups, or group_policy = "disabled"')
    elif me.can_read_all_group_messages:
        yield _ok("it hears everything in groups (privacy mode is off)")
    elif settings.require_mention:
        yield _ok("in groups it hears what is addressed to it (privacy mode is on), which is all that it answers")
    else:
        yield _warn(
            "require_mention is off, but in groups it hears only what is addressed to it (privacy mode is on)",
            "@BotFather: /setprivacy, Disable; then remove it from its groups and add it again",
        )


def _topics(me: User) -> Finding:
    if me.has_topics_enabled:
        return _ok("private chats have topics, each a conversation of its own")
    return _ok("private chats have no topics; @BotFather's settings of the bot can switch them on")


def _ok(what: str) -> Finding:
    return Finding(level="ok", what=what)


def _warn(what: str, remedy: str = "") -> Finding:
    return Finding(level="warn", what=what, remedy=remedy)


def _bad(what: str, remedy: str) -> Finding:
    return Finding(level="bad", what=what, remedy=remedy)
