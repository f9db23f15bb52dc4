"""Plain text, and answers that are not finished yet."""

import pytest

from surfacehost_render import close_open_fences, plain, telegram


def test_plain_shows_every_address() -> None:
    assert plain("# A\n\n**b** [w](https://a.io/) ![c](x.png) <https://b.io>") == (
        "A\n\nb w (https://a.io/) c (x.png) https://b.io"
    )


@pytest.mark.parametrize("markdown", ["", "\n", "#"])
def test_plain_of_nothing(markdown: str) -> None:
    assert plain(markdown) == ""


@pytest.mark.parametrize(
    ("markdown", "added"),
    [
        ("text", ""),
        ("```py\nx\n```", ""),
        ("```py\nx\n```\n", ""),
        ("```py\nx\n```\n\ntext", ""),
        ("```", "\n```"),
        ("```py", "\n```"),
        ("```py\n", "```"),
        ("```py\nx", "\n```"),
        ("```py\nx\n\n\n", "```"),
        ("~~~~\n~~~", "\n~~~~"),
        ("````\n```\nx", "\n````"),
        ("a\n\n```\nx\n```\n\n```js\ny", "\n```"),
        ("- a\n\n  ```\n  x", "\n  ```"),
        ("- ```\n  x", "\n  ```"),
        ("> ```\n> x", "\n> ```"),
        ("> ```\n> x\n\ntext", ""),
        ("`` ``` ``", ""),
        ("a ```x", ""),
        ("", ""),
    ],
)
def test_open_fence_is_closed(markdown: str, added: str) -> None:
    assert close_open_fences(markdown) == markdown + added


def test_closing_a_fence_changes_nothing_shown() -> None:
    text = "- a\n\n  ```py\n  x = 1"
    assert telegram(close_open_fences(text)) == telegram(text)
    assert close_open_fences(close_open_fences(text)) == close_open_fences(text)
