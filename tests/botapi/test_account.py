"""getMe, commands, files."""

from collections import Counter

import httpx
import pytest
from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeChat
from telegram.error import BadRequest, NetworkError
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, BotApi, World, faults

Client = ExtBot[None]


async def test_who_the_bot_is(client: Client, world: World, judge: Counter[str]) -> None:
    me = await client.get_me()
    assert (me.username, me.is_bot, me.can_join_groups, me.can_read_all_group_messages) == (
        "agent_bot",
        True,
        True,
        False,
    )
    assert me.id == world.the_bot().id
    assert judge["results"] == 2


async def test_commands_by_scope_and_language(client: Client, alice: Account) -> None:
    scopes = (None, BotCommandScopeAllGroupChats(), BotCommandScopeChat(alice.id))
    for number, scope in enumerate(scopes):
        assert await client.set_my_commands([("start", f"Start {number}")], scope=scope)
    assert await client.set_my_commands([BotCommand("start", "Начать")], language_code="ru")
    found = [(await client.get_my_commands(scope=scope))[0].description for scope in scopes]
    assert found == ["Start 0", "Start 1", "Start 2"]
    assert (await client.get_my_commands(language_code="ru"))[0].description == "Начать"
    assert await client.delete_my_commands()
    assert await client.get_my_commands() == ()


@pytest.mark.parametrize(
    ("commands", "error"),
    [
        ([("Start", "x")], "Bot_command_invalid"),
        ([("a" * 33, "x")], "Bot_command_invalid"),
        ([("start", "")], "Bot_command_description_invalid"),
        ([("start", "x" * 257)], "Bot_command_description_invalid"),
        ([(f"c{number}", "x") for number in range(101)], "Bot_commands_too_much"),
    ],
)
async def test_commands_that_are_refused(client: Client, commands: list[tuple[str, str]], error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        await client.set_my_commands(commands)


async def test_a_document_of_the_bot(client: Client, world: World, alice: Account) -> None:
    sent = await client.send_document(
        alice.id, b"# Notes", filename="notes.md", caption="<b>notes</b>", parse_mode="HTML"
    )
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size, sent.caption) == ("notes.md", 7, "notes")
    (shown,) = world.replies(alice.id)
    assert shown.content.document is not None
    assert shown.content.document.data == b"# Notes"
    again = await client.send_document(alice.id, sent.document.file_id)
    assert again.document is not None
    assert again.document.file_unique_id == sent.document.file_unique_id


async def test_a_document_of_a_person(client: Client, api: BotApi, world: World, alice: Account) -> None:
    sent = world.send_file(alice, b"a,b\n1,2\n", "table.csv", mime_type="text/csv", caption="look /here")
    (update,) = await client.get_updates(timeout=1)
    assert update.message is not None
    assert update.message.document is not None
    assert update.message.caption_entities[0].type == "bot_command"
    file = await client.get_file(update.message.document.file_id)
    assert await file.download_as_bytearray() == b"a,b\n1,2\n"
    assert sent.content.document is not None
    for name in ("download", f"download {sent.content.document.path}"):
        api.faults.plan(name, faults.bad_gateway())
        with pytest.raises(NetworkError):
            await file.download_as_bytearray()


async def test_documents_that_are_refused(api: BotApi, client: Client, alice: Account) -> None:
    with pytest.raises(BadRequest, match="Message caption is too long"):
        await client.send_document(alice.id, b"x", caption="c" * 1025)
    with pytest.raises(BadRequest, match="File must be non-empty"):
        await client.send_document(alice.id, b"")
    with pytest.raises(BadRequest, match="Wrong remote file identifier specified"):
        await client.send_document(alice.id, "BQAC-unknown")
    with pytest.raises(BadRequest, match="Failed to get http url content"):
        await client.send_document(alice.id, "http://a.example/x")
    with pytest.raises(BadRequest, match="Invalid file_id"):
        await client.get_file("BQAC-unknown")
    with pytest.raises(NetworkError, match="Request Entity Too Large"):
        await client.send_document(alice.id, b"x" * (50 * 1024 * 1024 + 1))
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{api.url}/file/bot{client.token}/documents/none.txt")).status_code == 404
        assert (await http.get(f"{api.url}/file/bot1:unknown/documents/none.txt")).status_code == 401


async def test_downloads_over_20_mb_are_refused(client: Client, world: World, alice: Account) -> None:
    large = world.send_file(alice, b"x" * (20 * 1024 * 1024 + 1), "large.bin").content.document
    assert large is not None
    with pytest.raises(BadRequest, match="File is too big"):
        await client.get_file(large.file_id)
