"""Whatever entities come in, those that are kept are well-formed and stay as they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from surfacehost_devkit.botapi.entities import Entity, FormattedText, format_text, units
from surfacehost_devkit.botapi.errors import ApiError

KINDS = ["bold", "italic", "spoiler", "code", "pre", "text_link", "blockquote", "custom_emoji"]
TEXTS = st.text(alphabet="ab \n\r\t😀é@/.#\u202e", min_size=1, max_size=24)
GIVEN = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 24), st.integers(0, 12)), max_size=8)


def kept(text: str, entities: list[dict[str, object]]) -> FormattedText:
    return format_text(text, "", entities, commands=True, knows_user=lambda _: True)


def as_given(kind: str, offset: int, length: int) -> dict[str, object]:
    extra = {"text_link": {"url": "https://a.example"}, "custom_emoji": {"custom_emoji_id": "5"}}.get(kind, {})
    return {"type": kind, "offset": offset, "length": length, **extra}


def nested_or_apart(one: Entity, other: Entity) -> bool:
    inside = one.offset <= other.offset and other.end <= one.end
    around = other.offset <= one.offset and one.end <= other.end
    return inside or around or one.end <= other.offset or other.end <= one.offset


@settings(max_examples=400, deadline=None)
@given(TEXTS, GIVEN)
def test_kept_entities_are_well_formed(text: str, wanted: list[tuple[str, int, int]]) -> None:
    try:
        result = kept(text, [as_given(*one) for one in wanted])
    except ApiError as refused:
        assert refused.code == 400  # noqa: PT017  # most random places are refused, which is fine
        return
    solid = [one for one in result.entities if one.type in {"code", "pre"}]
    for number, one in enumerate(result.entities):
        assert 0 <= one.offset < one.end <= units(result.text)
        for other in result.entities[number + 1 :]:
            assert nested_or_apart(one, other)
    for code in solid:
        inside = [one for one in result.entities if code.offset <= one.offset < code.end and one is not code]
        assert all(one.type == "blockquote" for one in inside)


@settings(max_examples=400, deadline=None)
@given(TEXTS, GIVEN)
def test_what_was_kept_is_kept_again(text: str, wanted: list[tuple[str, int, int]]) -> None:
    try:
        once = kept(text, [as_given(*one) for one in wanted])
    except ApiError:
        return
    again = kept(once.text, [as_given(one.type, one.offset, one.length) for one in once.entities])
    assert again.text == once.text
    assert {(one.type, one.offset, one.length) for one in again.entities} >= {
        (one.type, one.offset, one.length) for one in once.entities if one.type not in {"bold", "italic", "spoiler"}
    }
