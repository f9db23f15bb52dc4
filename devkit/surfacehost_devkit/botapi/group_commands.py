"""The commands of `/admin/…` about groups and topics."""

from typing import get_args

from surfacehost_devkit.botapi import shapes
from surfacehost_devkit.botapi.admin import Args, Command
from surfacehost_devkit.botapi.model import Json, Status, Topic


def _group(args: Args) -> Json:
    return shapes.chat(args.api.groups.group(args.text("title"), args.whole("creator"), args.several("people")))


def _supergroup(args: Args) -> Json:
    title, creator, people = args.text("title"), args.whole("creator"), args.several("people")
    return shapes.chat(args.api.groups.supergroup(title, creator, people, username=args.text("username", "")))


def _forum(args: Args) -> Json:
    return shapes.chat(args.api.groups.forum(args.text("title"), args.whole("creator"), args.several("people")))


def _join(args: Args) -> bool:
    args.api.groups.join(args.whole("chat"), args.whole("person"))
    return True


def _add_bot(args: Args) -> bool:
    args.api.groups.add_bot(
        args.whole("chat"),
        args.whole("by"),
        args.maybe("bot"),
        as_admin=args.flag("as_admin"),
        can_manage_topics=args.flag("can_manage_topics"),
    )
    return True


def _remove_bot(args: Args) -> bool:
    args.api.groups.remove_bot(args.whole("chat"), args.whole("by"), args.maybe("bot"))
    return True


def _migrate(args: Args) -> Json:
    return shapes.chat(args.api.groups.migrate(args.whole("chat"), args.whole("by")))


def _open_topic(args: Args) -> Json:
    groups = args.api.groups
    return shapes.topic(
        groups.open_topic(args.whole("chat"), args.whole("by"), args.text("name"), bot=args.maybe("bot"))
    )


def _close_topic(args: Args) -> bool:
    args.api.groups.close_topic(args.chat(), args.whole("by"), _topic(args))
    return True


def _reopen_topic(args: Args) -> bool:
    args.api.groups.reopen_topic(args.chat(), args.whole("by"), _topic(args))
    return True


def _rename_topic(args: Args) -> bool:
    args.api.groups.rename_topic(args.chat(), args.whole("by"), _topic(args), args.text("name"))
    return True


def _delete_topic(args: Args) -> bool:
    args.api.groups.delete_topic(args.chat(), _topic(args))
    return True


def _set_standing(args: Args) -> bool:
    args.api.groups.set_standing(
        args.whole("chat"),
        args.whole("by"),
        _status(args),
        args.maybe("bot"),
        can_manage_topics=args.flag("can_manage_topics"),
        can_send=args.flag("can_send", default=True),
    )
    return True


def _status(args: Args) -> Status:
    statuses: tuple[Status, ...] = get_args(Status)
    return statuses[statuses.index(args.text("status"))]


def _topic(args: Args) -> Topic:
    return args.chat().topics[args.whole("topic")]


GROUP_COMMANDS: dict[str, Command] = {
    command.__name__.removeprefix("_"): command
    for command in (
        *(_group, _supergroup, _forum, _join, _add_bot, _remove_bot, _set_standing, _migrate),
        *(_open_topic, _close_topic, _reopen_topic, _rename_topic, _delete_topic),
    )
}
