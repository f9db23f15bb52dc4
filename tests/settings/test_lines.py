"""On which line a key stands."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from surfacehost.settings.lines import line_numbers, paths_in

TEXT = '''\
# [not.a.table]
[a.b]                 # a comment with [brackets] = "x"
one = 1
"two words" = """
[c]
three = 3
"""
dotted.key.inside = true
list = [
  "x", # y = 1
  { z = 1 },
]

[[rooms]]
id = 1
[rooms.inner]
deep = 1
[[rooms]]
id = 2
[rooms.inner]
deep = 2
'''


def test_tables_keys_and_elements_have_the_line_they_begin_on() -> None:
    lines = line_numbers(TEXT)
    assert lines[("a",)] == lines["a", "b"] == 2
    assert lines["a", "b", "one"] == 3
    assert lines["a", "b", "two words"] == 4
    assert lines["a", "b", "dotted", "key", "inside"] == 8
    assert lines["a", "b", "list"] == lines["a", "b", "list", 1, "z"] == 9
    assert lines["rooms", 0, "inner", "deep"] == 17
    assert lines["rooms", 1, "id"] == 19
    assert lines["rooms", 1, "inner", "deep"] == 21


def test_what_looks_like_keys_inside_strings_and_comments_has_none() -> None:
    assert not {("not",), ("c",), ("three",), ("y",)} & line_numbers(TEXT).keys()


def test_windows_line_ends_count_once() -> None:
    assert line_numbers("[a]\r\nb = 1\r\n\r\nc = 2\r\n")["a", "c"] == 4


words = st.text(max_size=8)
values = st.recursive(
    st.booleans() | st.integers(-9, 9) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


def _inline(value: Any) -> str:
    """*value* as TOML, its text in escapes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inline(key)} = {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(_inline, value)) + "\n]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return str(value).lower()


@given(st.dictionaries(words, st.dictionaries(words, values, max_size=3), max_size=3))
def test_every_key_of_any_file_has_a_line(tree: dict[str, dict[str, Any]]) -> None:
    text = ""
    for table, keys in tree.items():
        text += f"[{_inline(table)}]\n" + "".join(f"{_inline(key)} = {_inline(keys[key])}\n" for key in keys)
    assert tomllib.loads(text) == tree
    assert set(paths_in(tree)) == set(line_numbers(text))
