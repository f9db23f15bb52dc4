"""Entities and parse modes: what comes out, and in which words the server refuses."""

import json
from typing import Any

import httpx
import pytest
from telegram import Message, MessageEntity, User
from telegram.constants import MessageEntityType
from telegram.error import BadRequest
from telegram.ext import ExtBot

from surfacehost_devkit.botapi import Account, Bot, BotApi

Client = ExtBot[None]


def said(api: BotApi) -> str:
    """Why the last call was refused, in the server's exact words (the client changes their case)."""
    return api.calls.records[-1].outcome.removeprefix("Bad Request: ")


def kinds(message: Message) -> list[tuple[str, int, int]]:
    return [(str(MessageEntityType(one.type).value), one.offset, one.length) for one in message.entities]


@pytest.mark.parametrize(
    ("mode", "text", "plain", "entities"),
    [
        ("HTML", "<b>bold</b> <i>it</i>", "bold it", [("bold", 0, 4), ("italic", 5, 2)]),
        ("HTML", "a &lt;b&gt; &amp;&quot;&#x1F600;&#65;", 'a <b> &"😀A', []),
        ("HTML", "&unknown; &", "&unknown; &", []),
        ("HTML", '<a href="https://a.example/x">link</a>', "link", [("text_link", 0, 4)]),
        ("HTML", '<a href="docs/x.md">link</a>', "link", []),
        ("HTML", '<pre><code class="language-python">x=1</code></pre>', "x=1", [("pre", 0, 3)]),
        ("HTML", "<code>x</code>", "x", [("code", 0, 1)]),
        ("HTML", '<span class="tg-spoiler">x</span>', "x", [("spoiler", 0, 1)]),
        ("HTML", "<blockquote expandable>long</blockquote>", "long", [("expandable_blockquote", 0, 4)]),
        ("HTML", "<B>😀</B>", "😀", [("bold", 0, 2)]),
        ("HTML", "<b><code>x</code> y</b>", "x y", [("code", 0, 1), ("bold", 1, 2)]),
        ("MarkdownV2", "*bold* _it_ __un__ ~st~ ||sp||", "bold it un st sp", None),
        ("MarkdownV2", "`a\\`b` 1\\.5", "a`b 1.5", [("code", 0, 3)]),
        ("MarkdownV2", "```python\nx = 1\n```", "x = 1", [("pre", 0, 5)]),
        ("MarkdownV2", "[link](https://a.example/\\))", "link", [("text_link", 0, 4)]),
        ("MarkdownV2", ">one\n>two\nrest", "one\ntwo\nrest", [("blockquote", 0, 8)]),
        ("MarkdownV2", ">one\n>two||", "one\ntwo", [("expandable_blockquote", 0, 7)]),
        ("Markdown", "*b* _i_ `c` 1.5!", "b i c 1.5!", [("bold", 0, 1), ("italic", 2, 1), ("code", 4, 1)]),
    ],
)
async def test_markup_that_is_read(
    client: Client, alice: Account, mode: str, text: str, plain: str, entities: list[Any] | None
) -> None:
    sent = await client.send_message(alice.id, text, parse_mode=mode)
    assert sent.text == plain
    assert entities is None or kinds(sent) == entities


@pytest.mark.parametrize(
    ("mode", "text", "error"),
    [
        ("HTML", "<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("HTML", "x</b>", "Unexpected end tag at byte offset 1"),
        ("HTML", "<b>é</i>", 'Unmatched end tag at byte offset 5, expected "</b>", found "</i>"'),
        ("HTML", "<T> x", 'Unsupported start tag "t" at byte offset 0'),
        ("HTML", "a < b", 'Unsupported start tag "" at byte offset 2'),
        ("HTML", "if a<b", "Unclosed start tag at byte offset 4"),
        ("HTML", "<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("HTML", '<a href="x', "Unclosed start tag at byte offset 0"),
        ("HTML", "<a href=x!>y</a>", "Unexpected end of name token at byte offset 8"),
        ("HTML", '<b "">x</b>', 'Empty attribute name in the tag "b" at byte offset 0'),
        ("HTML", "<b>x</b", "Unclosed end tag at byte offset 4"),
        ("HTML", "&#xd800;", "Text contains invalid Unicode characters after decoding HTML entities, check for"),
        ("MarkdownV2", "Hi.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("MarkdownV2", "a > b", "Character '>' is reserved and must be escaped with the preceding '\\'"),
        ("MarkdownV2", "*bold", "Can't find end of Bold entity at byte offset 0"),
        ("MarkdownV2", "é `code", "Can't find end of Code entity at byte offset 3"),
        ("MarkdownV2", "```py\ncode", "Can't find end of PreCode entity at byte offset 0"),
        ("MarkdownV2", "[a](http://b.example", "Can't find end of a URL at byte offset 4"),
        ("MarkdownV2", "![a](http://b.example)", "Invalid tg://emoji or tg://time URL specified"),
        ("MarkdownV2", ">*quote\nrest", "Can't find end of Bold entity at byte offset 1"),
        ("Markdown", "snake_case", "Can't find end of the entity starting at byte offset 5"),
    ],
)
async def test_markup_that_is_refused(
    api: BotApi, client: Client, alice: Account, mode: str, text: str, error: str
) -> None:
    with pytest.raises(BadRequest):
        await client.send_message(alice.id, text, parse_mode=mode)
    assert said(api).startswith(f"can't parse entities: {error}")


async def test_an_unknown_parse_mode(client: Client, alice: Account) -> None:
    with pytest.raises(BadRequest, match="Unsupported parse_mode"):
        await client.send_message(alice.id, "x", parse_mode="bbcode")


async def test_links_and_languages_are_kept(client: Client, alice: Account) -> None:
    sent = await client.send_message(
        alice.id,
        "a b",
        entities=[
            MessageEntity("text_link", 0, 1, url="HTTPS://Example.com"),
            MessageEntity("pre", 2, 1, language="python"),
        ],
    )
    assert [one.url for one in sent.entities] == ["https://example.com/", None]
    assert sent.entities[1].language == "python"


@pytest.mark.parametrize(
    ("text", "given", "kept"),
    [
        # cut at the border of code, and not shown inside it
        ("one two", [("bold", 0, 7), ("code", 4, 3)], [("bold", 0, 4), ("code", 4, 3)]),
        # adjoining and overlapping ones of a kind become one
        ("one two", [("bold", 0, 4), ("bold", 3, 4)], [("bold", 0, 7)]),
        # code and links never overlap: the first wins
        ("one two", [("code", 0, 5), ("pre", 3, 4)], [("code", 0, 5)]),
        # quotes do not nest
        ("one two", [("blockquote", 0, 7), ("blockquote", 4, 3)], [("blockquote", 0, 7)]),
        # code that sticks out of a quote is dropped
        ("one two", [("blockquote", 0, 4), ("code", 2, 5)], [("blockquote", 0, 4)]),
        # clipped where blanks are cut off
        ("one two  ", [("bold", 4, 5)], [("bold", 4, 3)]),
        # empty ones vanish, as do kinds only the server makes
        ("one two", [("bold", 0, 0), ("mention", 0, 3)], []),
        # a removed sign does not count
        ("a\rb c", [("bold", 0, 3)], [("bold", 0, 2)]),
    ],
)
async def test_how_entities_are_arranged(
    client: Client, alice: Account, text: str, given: list[tuple[str, int, int]], kept: list[tuple[str, int, int]]
) -> None:
    sent = await client.send_message(alice.id, text, entities=[MessageEntity(*one) for one in given])
    assert kinds(sent) == kept


async def test_overlapping_bold_and_italic_are_cut(client: Client, alice: Account) -> None:
    sent = await client.send_message(
        alice.id, "0123456789", entities=[MessageEntity("bold", 0, 6), MessageEntity("italic", 3, 7)]
    )
    assert kinds(sent) == [("bold", 0, 3), ("italic", 3, 7), ("bold", 3, 3)]


@pytest.mark.parametrize(
    ("entity", "error"),
    [
        ({"type": "bold", "offset": 0, "length": 9}, "ends after the end of the text at UTF-16 offset 9"),
        ({"type": "bold", "offset": 9, "length": 1}, "entity begins after the end of the text at UTF-16 offset 9"),
        ({"type": "bold", "offset": 1, "length": 1}, "entity begins in a middle of a UTF-16 symbol at byte offset 4"),
        ({"type": "bold", "offset": 0, "length": 1}, "ends in a middle of a UTF-16 symbol at byte offset 4"),
        ({"type": "bold", "offset": -1, "length": 1}, "receive an entity with incorrect offset -1"),
        ({"type": "bold", "length": 1}, "can't parse MessageEntity: Can't find field \"offset\""),
        ({"type": "shiny", "offset": 0, "length": 2}, "can't parse MessageEntity: Unsupported type specified"),
        ({"type": "text_link", "offset": 0, "length": 2}, "can't parse MessageEntity: Can't find field \"url\""),
        ("bold", "can't parse MessageEntity: expected an Object"),
    ],
)
async def test_entities_that_are_refused(
    api: BotApi, bot: Bot, alice: Account, entity: dict[str, Any] | str, error: str
) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        fields = {"chat_id": alice.id, "text": "😀ab", "entities": json.dumps([entity])}
        answer = (await http.post(f"{api.url}/bot{bot.token}/sendMessage", data=fields)).json()
    assert answer["error_code"] == 400
    assert error in answer["description"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("docs/x.md", "Wrong HTTP URL"),
        ("#top", "URL host is empty"),
        ("javascript:alert(1)", "Wrong port number specified in the URL"),
        ("ftp://a.example", "Unsupported URL protocol"),
        ("http://a b.example", "Disallowed character in URL host"),
        ("http://localhost/x", "Wrong HTTP URL"),
    ],
)
async def test_a_bad_link_refuses_the_whole_message(
    api: BotApi, client: Client, alice: Account, url: str, reason: str
) -> None:
    with pytest.raises(BadRequest):
        await client.send_message(alice.id, "link", entities=[MessageEntity("text_link", 0, 4, url=url)])
    assert said(api) == f"entity URL '{url}' is invalid: {reason}"


async def test_mentions_of_people(client: Client, alice: Account) -> None:
    sent = await client.send_message(
        alice.id, "you", entities=[MessageEntity("text_mention", 0, 3, user=User(alice.id, "Alice", is_bot=False))]
    )
    assert sent.entities[0].user is not None
    assert sent.entities[0].user.id == alice.id
    with pytest.raises(BadRequest, match="User not found"):
        await client.send_message(
            alice.id, "you", entities=[MessageEntity("text_mention", 0, 3, user=User(5, "?", is_bot=False))]
        )
    linked = await client.send_message(alice.id, f'<a href="tg://user?id={alice.id}">you</a>', parse_mode="HTML")
    assert kinds(linked) == [("text_mention", 0, 3)]


async def test_at_most_100_entities_links_before_bold(client: Client, alice: Account) -> None:
    text = "x " * 160
    given = [MessageEntity("bold", 2 * n, 1) for n in range(110)]
    given += [MessageEntity("text_link", 2 * n, 1, url="https://a.example") for n in range(110, 150)]
    sent = await client.send_message(alice.id, text, entities=given)
    found = [kind for kind, _, _ in kinds(sent)]
    assert (len(found), found.count("text_link")) == (100, 40)


async def test_what_the_server_finds_itself(client: Client, alice: Account) -> None:
    sent = await client.send_message(alice.id, "@alice_a #tag $USD a@b.example https://c.example/d. /cmd")
    assert kinds(sent) == [
        ("mention", 0, 8),
        ("hashtag", 9, 4),
        ("cashtag", 14, 4),
        ("email", 19, 11),
        ("url", 31, 19),
    ]
