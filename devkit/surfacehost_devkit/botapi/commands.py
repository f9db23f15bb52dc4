"""The commands of `/admin/…`: the same functions as in Python, with ids in place of objects."""

import asyncio
import base64
from collections.abc import Callable

from surfacehost_devkit.botapi import faults, shapes
from surfacehost_devkit.botapi.admin import Args, Command
from surfacehost_devkit.botapi.calls import CallRecord
from surfacehost_devkit.botapi.faults import Fault
from surfacehost_devkit.botapi.flood import FloodLimits
from surfacehost_devkit.botapi.group_commands import GROUP_COMMANDS
from surfacehost_devkit.botapi.model import Bot, Json, Message


def message_view(args: Args, one: Message) -> Json:
    """A message as the bot sees it, with its history."""
    return {
        "message": shapes.message(one, args.api.state),
        "from_bot": one.sender.is_bot,
        "deleted": one.deleted,
        "versions": [version.text for version in one.versions],
        "reactions": {str(number): reactions for number, reactions in one.reactions.items()},
    }


def bot_view(bot: Bot) -> Json:
    """A bot with its token, which whoever controls the world may know."""
    return {**shapes.bot_itself(bot), "token": bot.token, "pending_updates": len(bot.queue.pending)}


def call_view(one: CallRecord) -> Json:
    """A call as it is on record."""
    return {
        "number": one.number,
        "bot_id": one.bot_id,
        "method": one.method,
        "params": dict(one.params),
        "files": dict(one.files),
        "started": one.started,
        "ended": one.ended,
        "status": one.status,
        "outcome": one.outcome,
        "fault": one.fault,
    }


# ── who there is ────────────────────────────────────────────────────────────────────────────────────────────────


def _bot(args: Args) -> Json:
    return bot_view(
        args.api.world.bot(
            args.text("username", "agent_bot"),
            token=args.text("token", ""),
            name=args.text("name", "Agent"),
            can_join_groups=args.flag("can_join_groups", default=True),
            can_read_all_group_messages=args.flag("can_read_all_group_messages"),
            has_topics_enabled=args.flag("has_topics_enabled"),
        )
    )


def _person(args: Args) -> Json:
    return shapes.user(
        args.api.world.person(
            args.text("first_name", "Alice"),
            id=args.whole("id", 0),
            last_name=args.text("last_name", ""),
            username=args.text("username", ""),
            language_code=args.text("language_code", "en"),
        )
    )


def _bots(args: Args) -> list[Json]:
    return [bot_view(bot) for bot in args.api.state.bots.values()]


def _people(args: Args) -> list[Json]:
    return [shapes.user(account) for account in args.api.state.accounts.values() if not account.is_bot]


def _chats(args: Args) -> list[Json]:
    state = args.api.state
    return [shapes.chat(one) for one in (*state.private.values(), *state.groups.values())]


# ── what people do and see ──────────────────────────────────────────────────────────────────────────────────────


def _write(args: Args) -> Json:
    return message_view(
        args,
        args.api.world.write(
            args.whole("person"),
            args.text("text"),
            args.maybe("chat"),
            bot=args.maybe("bot"),
            reply_to=args.maybe("reply_to"),
            topic=args.maybe("topic"),
        ),
    )


def _send_file(args: Args) -> Json:
    return message_view(
        args,
        args.api.world.send_file(
            args.whole("person"),
            base64.b64decode(args.text("base64"), validate=True),
            args.text("name"),
            args.maybe("chat"),
            mime_type=args.text("mime_type", "application/octet-stream"),
            caption=args.text("caption", ""),
            bot=args.maybe("bot"),
            topic=args.maybe("topic"),
        ),
    )


def _edit(args: Args) -> Json:
    message = _message(args)
    args.api.world.edit(message, args.text("text"))
    return message_view(args, message)


def _delete(args: Args) -> bool:
    args.api.world.delete(_message(args))
    return True


def _tap(args: Args) -> Json:
    tap = args.api.world.tap(args.whole("person"), _message(args), args.text("data"))
    return {"query_id": tap.query_id}


def _taps(args: Args) -> list[Json]:
    return [
        {
            "query_id": tap.query_id,
            "data": tap.data,
            "answered": tap.answered,
            "text": tap.text,
            "alert": tap.show_alert,
        }
        for tap in args.api.state.taps.values()
    ]


def _react(args: Args) -> bool:
    args.api.world.react(args.whole("person"), _message(args), args.text("emoji", "") or None)
    return True


def _block(args: Args) -> bool:
    args.api.world.block(args.whole("person"), args.maybe("bot"))
    return True


def _unblock(args: Args) -> bool:
    args.api.world.unblock(args.whole("person"), args.maybe("bot"))
    return True


def _messages(args: Args) -> list[Json]:
    found = args.api.world.messages(args.whole("chat"), bot=args.maybe("bot"), after=args.whole("after", 0))
    return [message_view(args, one) for one in found]


def _drafts(args: Args) -> list[Json]:
    found = args.api.world.drafts(args.whole("chat"), bot=args.maybe("bot"))
    return [
        {"draft_id": one.draft_id, "text": one.text, "thread_id": one.thread_id, "can_stop": one.can_stop}
        for one in found
    ]


def _actions(args: Args) -> list[Json]:
    found = args.api.world.actions(args.whole("chat"), bot=args.maybe("bot"))
    return [{"action": one.action, "thread_id": one.thread_id, "at": one.at} for one in found]


async def _wait_for_reply(args: Args) -> Json:
    words = args.text("contains", "")
    found = await args.api.world.wait_for_reply(
        args.whole("chat"),
        after=args.whole("after", 0),
        timeout_s=args.number("timeout_s", 10),
        bot=args.maybe("bot"),
        where=lambda one: words in one.text,
    )
    return message_view(args, found)


async def _changes(args: Args) -> Json:
    """How many changes there were, as soon as there are more than `since`, or when the time is over."""
    bell, since = args.api.state.bell, args.whole("since", -1)
    try:
        await bell.until(lambda: bell.rung if bell.rung > since else None, timeout_s=args.number("timeout_s", 0))
    except TimeoutError:
        return {"changes": bell.rung, "more": False}
    return {"changes": bell.rung, "more": True}


async def _wait_for_call(args: Args) -> Json:
    after, timeout_s = args.whole("after", 0), args.number("timeout_s", 10)
    return call_view(await args.api.world.wait_for_call(args.text("method"), after=after, timeout_s=timeout_s))


def _calls(args: Args) -> list[Json]:
    found = args.api.calls.of(args.text("method", ""), chat_id=args.maybe("chat"), after=args.whole("after", 0))
    return [call_view(one) for one in found]


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────


def _fault(args: Args) -> bool:
    args.api.faults.plan(args.text("method"), _planned(args), times=args.maybe("times") or 1)
    return True


def _planned(args: Args) -> Fault:
    kind, acts = args.text("kind"), args.flag("acts")
    if kind == "answer":
        return faults.answer(args.whole("status"), args.given.get("body", ""), acts=acts)
    made: dict[str, Callable[[], Fault]] = {
        "too_many": lambda: faults.too_many(args.maybe("retry_after")),
        "error": lambda: faults.error(args.whole("code"), args.text("description"), acts=acts),
        "bad_gateway": lambda: faults.bad_gateway(args.whole("status", 502), acts=acts),
        "garbage": lambda: faults.garbage(acts=acts),
        "not_ok": lambda: faults.not_ok(acts=acts),
        "reset": faults.reset,
        "drop_after": faults.drop_after,
        "half": faults.half,
        "hang": lambda: faults.hang(acts=acts),
        "delay": lambda: faults.delay(args.number("seconds", 1), acts=acts),
    }
    return made[kind]()


def _clear_faults(args: Args) -> bool:
    args.api.faults.clear(args.text("method", "") or None)
    args.api.faults.release()
    return True


def _flood(args: Args) -> bool:
    args.api.flood.switch(FloodLimits() if args.flag("on", default=True) else None)
    return True


async def _away(args: Args) -> bool:
    """Be away for so many seconds; this call is answered when that is over."""
    await args.api.away(spare=args.peer)
    await asyncio.sleep(args.number("seconds", 1))
    await args.api.back()
    return True


def _message(args: Args) -> Message:
    return args.chat().messages[args.whole("message")]


COMMANDS: dict[str, Command] = GROUP_COMMANDS | {
    command.__name__.removeprefix("_"): command
    for command in (
        *(_bot, _person, _bots, _people, _chats),
        *(_write, _send_file, _edit, _delete, _tap, _taps, _react, _block, _unblock),
        *(_messages, _drafts, _actions, _wait_for_reply, _wait_for_call, _changes, _calls),
        *(_fault, _clear_faults, _flood, _away),
    )
}
