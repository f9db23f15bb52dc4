"""Anything a model may write: no crash, no limit broken, no word lost."""

import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surfacehost_devkit.botapi.entities import format_text, units
from surfacehost_devkit.botapi.entities.entity import FOUND
from surfacehost_render import close_open_fences, matrix, matrix_parts, plain, telegram
from surfacehost_render.clean import clean
from surfacehost_render.telegram.formula import by_hand

Faults = Callable[..., list[str]]
Judge = Callable[[str], tuple[list[str], str]]

pytestmark = pytest.mark.timeout(7200)  # the long profile

# A space or a line end more often than chance would have it: most of Markdown happens at the edges of words.
MARKS = (  # noqa: SIM905  a list would be a hundred lines
    " |  |    |\n|\n\n|\n\n\n|\t|\r\n|**|*|_|__|***|~~|~|`|``|```|````|~~~|\n```\n|\n```py\n|$|$$|\\|\\\\"
    "|[|]|](|)|![|][|]:|](https://a.io/)|](x.md)|](#top)|](javascript:x)|](tg://a)|](http://[)"
    "|](data:image/png;base64,AA)|<|>|<https://b.io>|<a@b.io>|<b>|</b>|<!--|-->|&lt;|&#13;|&#x202e;|&nbsp;"
    "|# |### |===|---|- |* |+ |1. |7) |- [ ] |- [x] |> |>> |  - |    |!|:|...|. |😀|👨‍👩‍👧|é|漢字"
    "|\\(|\\)|\\[|\\]|=|<br>|https://c.io/_|://"
    "|\u0301|\u200d|\u200b|\ud800|\x00|\x1b[0m|\u2028|\u202e|\ufeff"
).split("|")
BARS = ["|", "||", " | ", "\n|---|---|\n", "| a | b |\n|---|:-:|\n", "|\n|"]


@st.composite
def answers(draw: st.DrawFn, *, longest: int = 60) -> str:
    """Markdown-like text in which every word occurs once."""
    pieces = draw(st.lists(st.sampled_from(MARKS + BARS) | st.just("WORD"), max_size=longest))
    return "".join(f"w{index}w" if piece == "WORD" else piece for index, piece in enumerate(pieces))


FORMS = {"**": "bold", "*": "italic", "~~": "strikethrough", "||": "spoiler"}
PLACES = {"\n\n": "", "\n\n> ": "blockquote", "\n\n# ": "bold", "\n\n- ": "", "\n\n1. ": "", "\n\nan 😀 then ": ""}


@st.composite
def wrapped_words(draw: st.DrawFn) -> tuple[str, set[str]]:
    """A word in a paragraph of its own and in forms that nest, and these forms."""
    wraps = draw(st.lists(st.sampled_from([*FORMS]), max_size=3, unique=True))
    inside, forms = "WORD", {FORMS[one] for one in wraps}
    last = draw(st.sampled_from(["", "", "code", "text_link"]))
    if last == "code":
        inside, forms = "`WORD`", set()  # nothing but a quote is shown together with code
    if last == "text_link":
        inside = "[WORD](https://a.io/b)"
    for one in wraps:
        inside = f"{one}{inside}{one}"
    place = draw(st.sampled_from([*PLACES]))
    around = {PLACES[place]} - ({"bold"} if last == "code" else set())
    return place + inside, (forms | around | {last}) - {""}


def marked(text: str, entities: Iterable[tuple[str, str, int, int]]) -> set[tuple[str, str, int]]:
    """Which signs of *text* have which form; places count from the first that is no blank."""
    raw, begin = text.encode("utf-16-le"), units(text) - units(text.lstrip())
    return {
        (kind, argument, at - begin)
        for kind, argument, offset, length in entities
        for at in range(offset, offset + length)
        if raw[2 * at : 2 * at + 2].decode("utf-16-le", "replace").strip()
    }


def words(text: str) -> list[str]:
    return re.findall(r"w\d+w", text)


texts = answers() | st.text(max_size=200) | st.text(alphabet="*_`[]()<>|~$#->!\\ \nab", max_size=120)


@given(texts)
def test_telegram_takes_every_message(telegram_faults: Faults, markdown: str) -> None:
    assert [fault for message in telegram(markdown) for fault in telegram_faults(message)] == []


@given(texts)
def test_the_bot_api_keeps_every_message_as_it_is(markdown: str) -> None:
    """As the server reads it, by the port of its rules: nothing refused or cleaned away but blanks at the ends."""
    for message in telegram(markdown):
        marks = [entity.to_json() for entity in message.entities]
        kept = format_text(message.text, "", marks, commands=False, knows_user=lambda _: False)
        assert kept.text.strip() == message.text.strip()
        # Addresses are not compared: the server writes them its own way, with a slash behind the host, say.
        given = [(one.type, one.language or "", one.offset, one.length) for one in message.entities]
        held = [
            (one.type, one.argument if one.type == "pre" else "", one.offset, one.length)
            for one in kept.entities
            if one.type not in FOUND
        ]
        assert marked(kept.text, held) == marked(message.text, given)


@given(st.lists(wrapped_words(), min_size=1, max_size=40), st.integers(60, 4096), st.integers(8, 100))
def test_telegram_loses_no_formatting(pieces: list[tuple[str, set[str]]], limit: int, most: int) -> None:
    """Every word has the forms it was written in, and no other, wherever messages begin and end."""
    markdown = "".join(piece.replace("WORD", f"w{index}w") for index, (piece, _) in enumerate(pieces))
    shown: dict[str, set[str]] = {}
    for message in telegram(markdown, limit=limit, max_entities=most):
        raw = message.text.encode("utf-16-le")
        for found in re.finditer(r"w\d+w", message.text):
            at = units(message.text[: found.start()])
            shown[found[0]] = {one.type for one in message.entities if one.offset <= at < one.offset + one.length}
        assert all(raw[2 * one.offset : 2 * (one.offset + one.length)].decode("utf-16-le") for one in message.entities)
    assert shown == {f"w{index}w": forms for index, (_, forms) in enumerate(pieces)}


@given(texts, st.integers(16, 60), st.integers(1, 8))
def test_telegram_takes_every_message_of_a_narrow_limit(
    telegram_faults: Faults, markdown: str, limit: int, most: int
) -> None:
    messages = telegram(markdown, limit=limit, max_entities=most)
    faults = [fault for message in messages for fault in telegram_faults(message, limit=limit, max_entities=most)]
    assert faults == []


@given(answers(), st.integers(16, 4096))
def test_telegram_loses_no_word(markdown: str, limit: int) -> None:
    messages = telegram(markdown, limit=limit)
    everything = "".join(message.text for message in messages)
    addresses = "".join(entity.url or "" for message in messages for entity in message.entities)
    assert set(words(markdown)) <= set(words(everything) + words(addresses) + fence_languages(markdown))


@given(st.text(alphabet="\\{}^_ a1&[~", max_size=60) | st.text(max_size=60), st.integers(0, 5000))
def test_a_formula_never_breaks_it(formula: str, depth: int) -> None:
    for deep in (formula, "{" * depth + formula + "}" * depth, "\\sqrt" * depth + formula):
        assert "\n" not in (by_hand(deep) or "")


@given(answers())
def test_plain_loses_no_word(markdown: str) -> None:
    assert set(words(markdown)) <= set(words(plain(markdown)) + fence_languages(markdown))


@given(texts)
def test_matrix_html_is_permitted(judge_html: Judge, markdown: str) -> None:
    html = matrix(markdown).formatted_body
    assert html is None or judge_html(html)[0] == []


@given(answers())
def test_matrix_loses_no_word(judge_html: Judge, markdown: str) -> None:
    message = matrix(markdown)
    assert set(words(markdown)) <= set(words(message.body))
    if message.formatted_body is not None:
        shown = judge_html(message.formatted_body)[1]
        assert set(words(markdown)) <= set(words(shown) + re.findall(r"w\d+w", message.formatted_body))


@given(st.lists(answers(), min_size=1, max_size=12), st.integers(500, 1500))
def test_matrix_parts_keep_their_size_and_every_word(judge_html: Judge, blocks: list[str], room: int) -> None:
    markdown = "\n\n".join(blocks)
    parts = matrix_parts(markdown, max_bytes=room)
    assert all(part.size <= room for part in parts)
    assert [fault for part in parts for fault in judge_html(part.formatted_body or "")[0]] == []
    assert set(words(markdown)) <= set(words("".join(part.body for part in parts)))


@given(answers(longest=30), st.integers(500, 800))
def test_matrix_parts_of_long_lines(markdown: str, room: int) -> None:
    parts = matrix_parts(markdown * 20, max_bytes=room)
    assert all(part.size <= room for part in parts)


@given(answers(longest=25))
def test_every_prefix_of_an_answer_renders(telegram_faults: Faults, judge_html: Judge, markdown: str) -> None:
    for end in range(len(markdown) + 1):
        prefix = markdown[:end]
        assert [fault for message in telegram(prefix) for fault in telegram_faults(message)] == []
        assert judge_html(matrix(prefix).formatted_body or "")[0] == []
        assert close_open_fences(prefix).startswith(prefix)


@given(texts)
def test_closing_fences_twice_adds_nothing(markdown: str) -> None:
    closed = close_open_fences(markdown)
    assert close_open_fences(closed) == closed


def fence_languages(markdown: str) -> list[str]:
    """Words after a fence: a code block's language, which plain text does not show."""
    return words("".join(re.findall(r"(?:```|~~~)[^\n]*", clean(markdown))))  # what vanishes may have parted a fence
