"""What Matrix clients get: the source as body, and HTML of the permitted tags only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from surfacehost_render import MatrixText, matrix, matrix_parts

Judge = Callable[[str], tuple[list[str], str]]

HTML = {
    "bold": ("a **b**", "<p>a <strong>b</strong></p>"),
    "struck": ("~~a~~", "<p><del>a</del></p>"),
    "line ends": ("*a*\nb", "<p><em>a</em><br>\nb</p>"),
    "spoiler": ("||a||", '<p><span data-mx-spoiler="">a</span></p>'),
    "maths": (
        "$a<b$",
        '<p><span data-mx-maths="a&lt;b"><code>a&lt;b</code></span></p>',
    ),
    "maths block": (
        "$$\na\n$$",
        '<div data-mx-maths="a"><pre><code>a</code></pre></div>',
    ),
    "code": ("```py\nx < 1\n```", '<pre><code class="language-py">x &lt; 1\n</code></pre>'),
    "code with a file name": (
        "```py app.py\nx\n```",
        '<p>app.py</p>\n<pre><code class="language-py">x\n</code></pre>',
    ),
    "hostile language": (
        '```"><script>\nx\n```',
        "<p>&quot;&gt;&lt;script&gt;</p>\n<pre><code>x\n</code></pre>".replace("&quot;", '"'),
    ),
    "tasks": ("- [ ] a\n- [x] b", "<ul>\n<li>☐ a</li>\n<li>☑ b</li>\n</ul>"),
    "tasks apart": (
        "- [ ] a\n\n- [x] b",
        "<ul>\n<li>\n<p>☐ a</p>\n</li>\n<li>\n<p>☑ b</p>\n</li>\n</ul>",
    ),
    "numbers": ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
    "image": ("![cat](https://a.io/c.png)", '<p><a href="https://a.io/c.png">cat</a></p>'),
    "picture": ('<img src="x" onerror="y">\n\n*a*', '<p>&lt;img src="x" onerror="y"&gt;</p>\n<p><em>a</em></p>'),
    "mail": ("[w](mailto:a@b.io)", '<p><a href="mailto:a@b.io">w</a></p>'),
    "script link": ("*[w](javascript:x)*", "<p><em>w (javascript:x)</em></p>"),
    "relative link": ("*[w](docs/x.md)*", "<p><em>w (docs/x.md)</em></p>"),
    "aligned table": (
        "|a|\n|-:|\n|b|",
        "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>",
    ),
    "link title": ('[w](https://a.io "t")', '<p><a href="https://a.io">w</a></p>'),
}


@pytest.mark.parametrize("name", HTML)
def test_html(name: str, judge_html: Judge) -> None:
    markdown, html = HTML[name]
    message = matrix(markdown)
    assert message == MatrixText(body=markdown, formatted_body=html)
    assert judge_html(html)[0] == []


@pytest.mark.parametrize(
    ("markdown", "body"),
    [
        ("just text", "just text"),
        ("a\nb\n\nc\n", "a\nb\n\nc"),
        (r"2 \* 3 &lt; 7", "2 * 3 < 7"),
        ("a <b> c", "a <b> c"),
        ("[Note]: remember", "[Note]: remember"),
        ("a \ud800\x00", "a \ufffd"),
        ("", ""),
    ],
)
def test_text_without_formatting_has_no_html(markdown: str, body: str) -> None:
    assert matrix(markdown) == MatrixText(body=body)


@pytest.mark.parametrize(
    ("markdown", "body"),
    [
        ("**you** are &#64;a&#95;b", "**you** are @a_b"),
        ("*a* &#955; &#9; &lt;", "*a* &#955; &#9; &lt;"),
        ("*a* &#95; is `&#95;`", "*a* &#95; is `&#95;`"),
        ("*a* &#95;\n\n```\n&#95;\n```", "*a* &#95;\n\n```\n&#95;\n```"),
    ],
)
def test_a_body_beside_html_names_no_punctuation_by_its_number(markdown: str, body: str) -> None:
    assert matrix(markdown).body == body


@pytest.mark.parametrize("markdown", ["*" * 400 + "a" + "*" * 400, "> " * 200 + "*a*", "- " * 200 + "*a*"])
def test_nesting_stays_below_a_hundred_levels(markdown: str, judge_html: Judge) -> None:
    html = matrix(markdown).formatted_body
    assert html is not None
    faults, text = judge_html(html)
    assert faults == []
    assert "a" in text


def test_size_counts_utf_8_bytes_of_both_texts() -> None:
    assert MatrixText(body="я").size == 2
    assert MatrixText(body="я", formatted_body="<p>я</p>").size == 11


def test_one_part_when_it_fits() -> None:
    assert matrix_parts("# a\n\nb") == [matrix("# a\n\nb")]


@pytest.mark.parametrize("markdown", ["", " \n\t", "\x00", "\u200b"])
def test_nothing_to_see_gives_no_part(markdown: str) -> None:
    assert matrix_parts(markdown) == []


def test_cuts_between_blocks() -> None:
    blocks = [f"*{number}* " + "word " * 20 + "end" for number in range(20)]
    parts = matrix_parts("\n\n".join(blocks), max_bytes=1000)
    assert all(part.size <= 1000 for part in parts)
    assert "\n\n".join(part.body for part in parts) == "\n\n".join(blocks)
    assert max(part.body.count("end") for part in parts) > 1


@pytest.mark.parametrize(
    "prefix", ["", "- ", "1. text\n\n   ", "> ", "> - "], ids=["top", "item", "second in item", "quote", "both"]
)
def test_code_is_closed_and_opened_again(prefix: str) -> None:
    lines = [f"    value_{number} = {number}" for number in range(100)]
    indent = prefix.rsplit("\n", maxsplit=1)[-1].replace("-", " ")
    source = [f"{prefix}```py", *(indent + line for line in lines), f"{indent}```"]
    parts = matrix_parts("\n".join(source), max_bytes=1000)
    assert len(parts) > 3
    assert all(part.size <= 1000 for part in parts)
    html = "".join(part.formatted_body or "" for part in parts)
    assert html.count('<pre><code class="language-py">') == html.count("</code></pre>") >= len(parts) - 1
    for line in lines:
        assert f"{line}\n" in html


def test_longer_fence_for_code_with_fences_in_it() -> None:
    inner = ["```py", "x", "```"] * 50
    parts = matrix_parts("\n".join(["~~~~md", *inner, "~~~~"]), max_bytes=500)
    html = "".join(part.formatted_body or "" for part in parts)
    assert html.count("<pre>") == len(parts)
    assert html.count("```py\n") == 50


def test_table_repeats_its_header() -> None:
    rows = [f"| {number} | value {number} |" for number in range(50)]
    parts = matrix_parts("\n".join(["| key | value |", "|---|---|", *rows]), max_bytes=1000)
    assert len(parts) > 2
    assert all((part.formatted_body or "").startswith("<table>\n<thead>") for part in parts)
    assert sum((part.formatted_body or "").count("<td>") for part in parts) == 100


def test_list_is_cut_between_items_and_counts_on() -> None:
    items = [f"{number}. item {number} " + "word " * 10 for number in range(1, 30)]
    parts = matrix_parts("\n".join(items), max_bytes=600)
    assert len(parts) > 3
    for part in parts[1:]:
        first = part.body.split(".")[0]
        assert (part.formatted_body or "").startswith(f'<ol start="{first}">')


def test_links_find_their_definitions_in_another_part() -> None:
    text = "\n\n".join(f"{'word ' * 20}[link {number}][1]" for number in range(20))
    parts = matrix_parts(f"{text}\n\n[1]: https://a.io/", max_bytes=1000)
    html = "".join(part.formatted_body or "" for part in parts)
    assert html.count('<a href="https://a.io/">') == 20


def test_line_without_spaces_is_cut_between_graphemes() -> None:
    text = "🇩🇪" * 300
    parts = matrix_parts(text, max_bytes=501)
    assert "".join(part.body for part in parts) == text
    assert all(len(part.body) % 2 == 0 and part.size <= 501 for part in parts)


@pytest.mark.parametrize(
    "markdown",
    [
        "> " * 3000 + "deep",
        "- " * 3000 + "deep",
        "|" + "a|" * 400 + "\n|" + "-|" * 400 + "\n" + ("|" + "b|" * 400 + "\n") * 3,
        "[" * 3000,
        "> - > - 1. > " + "word " * 1000,
    ],
    ids=["quotes", "items", "wide table", "brackets", "both"],
)
def test_hostile_shapes_fit_as_well(markdown: str, judge_html: Judge) -> None:
    parts = matrix_parts(markdown, max_bytes=500)
    assert all(part.size <= 500 for part in parts)
    assert [fault for part in parts for fault in judge_html(part.formatted_body or "")[0]] == []


def test_room_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 500"):
        matrix_parts("x", max_bytes=499)


def test_renders_in_threads() -> None:
    markdown = "\n\n".join(f"# {number}\n\n**b** `c`" for number in range(200))
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(matrix, [markdown] * 8)) == {matrix(markdown)}
