"""What a reader of Telegram sees, case by case: one row for each thing models write and renderers break."""

import pytest

from surfacehost_render import TelegramText, telegram

Shown = list[tuple[str, ...]]


def shown(message: TelegramText) -> Shown:
    raw = message.text.encode("utf-16-le")
    rows = []
    for entity in message.entities:
        covered = raw[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")
        rows.append((entity.type, covered, *filter(None, (entity.url, entity.language))))
    return rows


WIDE = "word " * 9

CASES: dict[str, tuple[str, str, Shown]] = {
    "plain": ("just text", "just text", []),
    "bold": ("a **b** c", "a b c", [("bold", "b")]),
    "italic": ("*a* _b_", "a b", [("italic", "a"), ("italic", "b")]),
    "bold italic": ("***a***", "a", [("bold", "a"), ("italic", "a")]),
    "strikethrough": ("~~a~~", "a", [("strikethrough", "a")]),
    "spoiler": ("see ||the end|| now", "see the end now", [("spoiler", "the end")]),
    "spoiler with bold": ("||a **b**||", "a b", [("spoiler", "a b"), ("bold", "b")]),
    "logical or": ("if a || b || c", "if a || b || c", []),
    "logical or, tight": ("a||b||c", "a||b||c", []),
    "code": ("run `ls -l` now", "run ls -l now", [("code", "ls -l")]),
    "code in bold": ("**use `x` now**", "use x now", [("bold", "use"), ("code", "x"), ("bold", "now")]),
    "code in a link": ("[see `x`](https://a.io)", "see x", [("text_link", "see x", "https://a.io")]),
    "bold in bold": ("**a __b__ c**", "a b c", [("bold", "a b c")]),
    "unbalanced markers": ("**a *b `c [d](e", "**a *b `c [d](e", []),
    "intraword underscores": ("my_var_name and __init__", "my_var_name and init", [("bold", "init")]),
    "snake in code": ("`__init__`", "__init__", [("code", "__init__")]),
    "asterisks as maths": ("2 * 3 * 4", "2 * 3 * 4", []),
    "escapes": (r"\*not\* \[this\](x)", "*not* [this](x)", []),
    "entities": ("a &lt; b &amp; c &#x1F600;", "a < b & c 😀", []),
    "inline HTML": ("use <T> and List<String>", "use <T> and List<String>", []),
    "HTML block": ("<div>\nhi <b>x</b>\n</div>", "<div>\nhi <b>x</b>\n</div>", []),
    "HTML comment": ("<!-- note -->", "<!-- note -->", []),
    "type that looks like an autolink": ("a map<str:int> b", "a map<str:int> b", []),
    "heading": ("# Title\ntext", "Title\n\ntext", [("bold", "Title")]),
    "heading with bold": ("## A **b**", "A b", [("bold", "A b")]),
    "heading with code": ("## A `b`", "A b", [("bold", "A"), ("code", "b")]),
    "setext heading": ("Title\n=====\ntext", "Title\n\ntext", [("bold", "Title")]),
    "empty heading": ("#\n\ntext", "text", []),
    "rule": ("a\n\n---\n\nb", "a\n\n———\n\nb", []),
    "line ends": ("a\nb  \nc", "a\nb\nc", []),
    "Windows line ends": ("a\r\nb\r\n\r\nc", "a\nb\n\nc", []),
    "bullets": ("- a\n- b", "• a\n• b", []),
    "numbers": ("3. a\n3. b", "3. a\n4. b", []),
    "numbers with brackets": ("1) a\n2) b", "1) a\n2) b", []),
    "numbers from nought": ("0. a\n1. b", "0. a\n1. b", []),
    "nested lists": ("- a\n  - b\n    1. c\n- d", "• a\n  • b\n    1. c\n• d", []),
    "list then text": ("- a\n\ntext", "• a\n\ntext", []),
    "item of two lines": ("- a\n  b", "• a\n  b", []),
    "item of two paragraphs": ("- a\n\n  b\n- c", "• a\n  b\n• c", []),
    "empty item": ("- \n- b", "• \n• b", []),
    "tasks": ("- [ ] a\n- [x] b", "☐ a\n☑ b", []),
    "task of code": ("- [x] `a`", "☑ a", [("code", "a")]),
    "item of code": ("- ```\n  x\n  ```", "• \nx", [("pre", "x")]),
    "quote": ("> a\n> b\n\nc", "a\nb\n\nc", [("blockquote", "a\nb")]),
    "nested quotes": ("> a\n>> b", "a\n\nb", [("blockquote", "a\n\nb")]),
    "two quotes": ("> a\n\nb\n\n> c", "a\n\nb\n\nc", [("blockquote", "a"), ("blockquote", "c")]),
    "code in a quote": ("> `a` b", "a b", [("blockquote", "a b"), ("code", "a")]),
    "block of code in a quote": (
        "> ```py\n>   x\n> ```",
        "  x",
        [("blockquote", "  x"), ("pre", "  x", "py")],
    ),
    "list in a quote": ("> - a\n> - b", "• a\n• b", [("blockquote", "• a\n• b")]),
    "fence": ("```py\nx = 1\n```", "x = 1", [("pre", "x = 1", "py")]),
    "fence without language": ("```\n  x\n```", "  x", [("pre", "  x")]),
    "fence with a file name": (
        "```py app.py\nx\n```",
        "app.py\n\nx",
        [("pre", "x", "py")],
    ),
    "fence in a fence": (
        "````md\n```py\nx\n```\n````",
        "```py\nx\n```",
        [("pre", "```py\nx\n```", "md")],
    ),
    "open fence": ("```py\nx = 1", "x = 1", [("pre", "x = 1", "py")]),
    "tabs in code": ("```go\n\tx\n```", "    x", [("pre", "    x", "go")]),
    "indented code": ("a\n\n    x\n", "a\n\nx", [("pre", "x")]),
    "c++": ("```c++\nx\n```", "x", [("pre", "x", "c++")]),
    "link": ("[w](https://a.io/x)", "w", [("text_link", "w", "https://a.io/x")]),
    "link with brackets": (
        "[w](https://a.io/Foo_(bar))",
        "w",
        [("text_link", "w", "https://a.io/Foo_(bar)")],
    ),
    "link with bold": (
        "[**w** x](https://a.io/)",
        "w x",
        [("text_link", "w x", "https://a.io/"), ("bold", "w")],
    ),
    "link of a reference": ("[w][1]\n\n[1]: https://a.io/", "w", [("text_link", "w", "https://a.io/")]),
    "autolink": ("<https://a.io/>", "https://a.io/", [("text_link", "https://a.io/", "https://a.io/")]),
    "link to Telegram": ("[w](tg://resolve?domain=a)", "w", [("text_link", "w", "tg://resolve?domain=a")]),
    "link without words": ("[](https://a.io/)", "https://a.io/", [("text_link", "https://a.io/", "https://a.io/")]),
    "autolink in a link": ("[a <b@c.io>](https://a.io)", "a b@c.io", [("text_link", "a b@c.io", "https://a.io")]),
    "autolink in a refused link": ("[a <https://b.io>](x.md)", "a https://b.io (x.md)", []),
    "relative link": ("[w](docs/x.md)", "w (docs/x.md)", []),
    "relative link that is its words": ("[docs/x.md](docs/x.md)", "docs/x.md", []),
    "fragment link": ("[w](#top)", "w (#top)", []),
    "script link": ("[w](javascript:alert)", "w (javascript:alert)", []),
    "mail link": ("[w](mailto:a@b.io)", "w (mailto:a@b.io)", []),
    "mail autolink": ("<a@b.io>", "a@b.io", []),
    "local link": ("[w](http://localhost:8080/)", "w (http://localhost:8080/)", []),
    "link with a bad port": ("[w](http://a.io:99999/)", "w (http://a.io:99999/)", []),
    "link with a password": ("[w](http://u:p@a.io/)", "w (http://u:p@a.io/)", []),
    "broken link": ("[w](http://[)", "w (http://[)", []),
    "image": ("![cat](https://a.io/c.png)", "cat", [("text_link", "cat", "https://a.io/c.png")]),
    "image without words": (
        "![](https://a.io/c.png)",
        "https://a.io/c.png",
        [("text_link", "https://a.io/c.png", "https://a.io/c.png")],
    ),
    "image in the text": ("![dot](data:image/png;base64,iVBORw0KGgo=)", "dot (data:image/png;base64,…)", []),
    "badge": ("[![ci](https://a.io/b.svg)](https://a.io/ci)", "ci", [("text_link", "ci", "https://a.io/ci")]),
    "unused definition": ("[Note]: remember", "[Note]: remember", []),
    "two definitions of one name": (
        "[a]\n\n[a]: https://a.io/\n[a]: https://b.io/",
        "a\n\n[a]: https://b.io/",
        [("text_link", "a", "https://a.io/")],
    ),
    "maths": ("so $E=mc^2$ holds", "so E=mc² holds", [("code", "E=mc²")]),
    "maths block": ("$$\na = b\n$$", "a = b", [("pre", "a = b")]),
    "open maths block": ("$$\na = b\n\ntext", "$$\na = b\n\ntext", []),
    "prices": ("costs $5 or $10", "costs $5 or $10", []),
    "prices both ways round": ("costs $5 here, 4$ there", "costs $5 here, 4$ there", []),
    "shell variables": ("cd $HOME/$USER", "cd $HOME/$USER", []),
    "narrow table": (
        "| a | bb |\n|---|---:|\n| x | 1 |",
        "a │ bb\n──┼───\nx │  1",
        [("pre", "a │ bb\n──┼───\nx │  1")],
    ),
    "table of wide characters": (
        "| 漢字 | b |\n|---|---|\n| é | c |",
        "漢字 │ b\n─────┼──\né    │ c",
        [("pre", "漢字 │ b\n─────┼──\né    │ c")],
    ),
    "wide table": (
        f"| k | v |\n|---|---|\n| x | {WIDE}|\n| y | |",
        f"k: x\nv: {WIDE.strip()}\n\nk: y\nv: —",
        [("bold", "k: x"), ("bold", "k: y")],
    ),
    "table with a link": (
        "| k | v |\n|---|---|\n| x | [w](https://a.io/) |",
        "k: x\nv: w",
        [("bold", "k: x"), ("text_link", "w", "https://a.io/")],
    ),
    "table with a cell too many": (
        "| a |\n|---|\n| x | y |",
        "a\n─────\nx | y",
        [("pre", "a\n─────\nx | y")],
    ),
    "table without rows": ("| a | b |\n|---|---|", "a │ b\n──┼──", [("pre", "a │ b\n──┼──")]),
    "emoji offsets": ("😀 **b** 👨‍👩‍👧 `c`", "😀 b 👨‍👩‍👧 c", [("bold", "b"), ("code", "c")]),
    "lone surrogate": ("a \ud800 **b**", "a \ufffd b", [("bold", "b")]),
    "control characters": ("a\x00b\x1b[1mc\x08", "ab[1mc", []),
    "direction override": ("a\u202eb", "ab", []),
    "byte order mark": ("\ufeff# A", "A", [("bold", "A")]),
    "blank bold": ("** ** `&nbsp;`", "** ** &nbsp;", [("code", "&nbsp;")]),
    "quotes deeper than the parser goes": (
        ">" * 60 + " deep",
        ">" * 23 + " deep",
        [("blockquote", ">" * 23 + " deep")],
    ),
    "stars": ("*" * 40 + "a" + "*" * 40, "a", [("bold", "a")]),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    markdown, text, entities = CASES[name]
    [message] = telegram(markdown)
    assert message.text == text
    assert shown(message) == entities


@pytest.mark.parametrize(
    "markdown", ["", " ", "\n\n", "\t", "\x00", "\u200b", "\u2060\ufe0f", "#", "```\n```", "&nbsp;"]
)
def test_nothing_to_see_gives_no_message(markdown: str) -> None:
    assert telegram(markdown) == []


def test_entity_as_the_bot_api_wants_it() -> None:
    [message] = telegram("😀 [w](https://a.io/)\n```py\nx\n```")
    assert [entity.to_json() for entity in message.entities] == [
        {"type": "text_link", "offset": 3, "length": 1, "url": "https://a.io/"},
        {"type": "pre", "offset": 6, "length": 1, "language": "py"},
    ]
