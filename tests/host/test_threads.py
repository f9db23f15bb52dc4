"""Thread keys: what must hold of every one of them."""

import re
from urllib.parse import parse_qs, unquote, unquote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surfacehost.threads import MAX_SEGMENT_BYTES, ThreadKey, ThreadKeyError, decode, encode

surfaces = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
hostile = st.text(st.sampled_from("/~%+&=#?.:@!$ \n\x00я🙂"), max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: len(text.encode()) <= MAX_SEGMENT_BYTES
)
segments = st.one_of(texts, hostile, st.sampled_from(["", ".", "..", "~", "~~", "/", "a/b", "~2F", "!"]))
keys = st.builds(ThreadKey, surfaces, segments, segments, segments, st.integers(1, 10**9 - 1))
slashes = st.text(st.sampled_from("/~"), max_size=6)
confusing = st.builds(ThreadKey, surfaces, slashes, slashes, slashes)

GOLDEN = {
    ThreadKey("telegram", "42", "42"): "1/telegram/42/42/~",
    ThreadKey("telegram", "", "-1001234567890", "7"): "1/telegram/~/-1001234567890/7",
    ThreadKey("telegram", "", "-1001234567890", "7", 2): "1/telegram/~/-1001234567890/7/2",
    ThreadKey("matrix", "@alice:example.org", "!abc:ex.org:8448"): "1/matrix/@alice:example.org/!abc:ex.org:8448/~",
    ThreadKey("matrix", "@a=b/c+d:ex.org", "!x", "$ev"): "1/matrix/@a~3Db~2Fc~2Bd:ex.org/!x/$ev",
    ThreadKey("matrix", "", "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM", "$ev"):
        "1/matrix/~/!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM/$ev",
    ThreadKey("web", "100%", "a b", "я"): "1/web/100~25/a~20b/~D1~8F",
    ThreadKey("web", ".", "..", "..."): "1/web/~2E/~2E~2E/...",
    ThreadKey("web", "~", "", "/"): "1/web/~7E/~/~2F",
}  # fmt: skip
"""Never edited, only added to: these keys are in databases and in agents' memories."""


@pytest.mark.parametrize(("key", "text"), GOLDEN.items())
def test_golden(key: ThreadKey, text: str) -> None:
    assert encode(key) == text
    assert decode(text) == key


@given(keys)
def test_what_is_encoded_decodes_to_itself(key: ThreadKey) -> None:
    assert decode(encode(key)) == key


@given(
    st.builds(ThreadKey, surfaces, slashes, slashes, slashes), st.builds(ThreadKey, surfaces, slashes, slashes, slashes)
)
def test_two_conversations_never_share_a_key(one: ThreadKey, other: ThreadKey) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@given(keys)
def test_a_key_survives_a_query_string_encoded_or_not(key: ThreadKey) -> None:
    text = encode(key)
    assert unquote(text) == unquote_plus(text) == text
    assert parse_qs(urlencode({"thread_id": text}))["thread_id"] == [text]
    assert parse_qs(f"thread_id={text}")["thread_id"] == [text]
    assert re.fullmatch(r"[!-~]+", text)
    assert not set(text) & set('%+&#=?"<>\\^ ')


@given(keys)
def test_case_is_kept(key: ThreadKey) -> None:
    swapped = ThreadKey(key.surface, key.user.swapcase(), key.chat, key.thread, key.generation)
    if swapped != key and len(swapped.user.encode()) <= MAX_SEGMENT_BYTES:
        assert encode(swapped) != encode(key)


@given(keys, surfaces)
def test_the_keys_of_a_surface_are_one_range(key: ThreadKey, surface: str) -> None:
    is_in_range = f"1/{surface}/" <= encode(key) < f"1/{surface}0"
    assert is_in_range == (key.surface == surface)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"1/[a-z]{1,4}(/[a-zA-Z~0-9.]{0,5}){3,4}", fullmatch=True)))
def test_decoding_never_lies(text: str) -> None:
    try:
        key = decode(text)
    except ThreadKeyError:
        return
    assert encode(key) == text


@given(keys)
def test_length_is_bounded(key: ThreadKey) -> None:
    assert len(encode(key)) <= 3096


@given(keys)
def test_a_generation_belongs_to_the_same_lane(key: ThreadKey) -> None:
    assert encode(key.lane) == "/".join(encode(key).split("/")[:5])


BAD = """
1
2/web/a/b/c
1/Web/a/b/c
1/web/a/b
1/web/a/b/c/d
1/web/a/b/c/2/3
1/web//b/c
1/web/a b/b/c
1/web/~6/b/c
1/web/~2f/b/c
1/web/~61/b/c
1/web/~FF/b/c
1/web/./b/c
1/web/~~/b/c
1/web/a/b/c/1
1/web/a/b/c/02
1/web/a/b/c/0
1/web/я/b/c
""".strip().splitlines()


@pytest.mark.parametrize("text", [*BAD, "", "1/web/a/b/c ", " 1/web/a/b/c", "1/web/a/b/c\n"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ThreadKeyError):
        decode(text)


@pytest.mark.parametrize(
    "key",
    [
        ThreadKey("web", "x" * 256, "c"),
        ThreadKey("web", "я" * 128, "c"),
        ThreadKey("web", "\ud800", "c"),
        ThreadKey("Web", "a", "c"),
        ThreadKey("web", "a", "c", "", 0),
    ],
    ids=["too long", "too many bytes", "lone surrogate", "bad surface", "generation 0"],
)
def test_what_cannot_be_a_key_is_refused(key: ThreadKey) -> None:
    with pytest.raises(ThreadKeyError):
        encode(key)
