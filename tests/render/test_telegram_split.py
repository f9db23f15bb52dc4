"""Where a long answer is cut into messages, and what the cut keeps."""

from collections.abc import Callable

import pytest
from wcwidth import iter_graphemes

from surfacehost_render import TelegramText, telegram

Faults = Callable[..., list[str]]

FAMILY = "👨‍👩‍👧‍👦"


def size(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_short_answer_is_one_message() -> None:
    assert len(telegram("a " * 2048)) == 1


def test_cuts_between_blocks() -> None:
    first, second = telegram(f"{'a ' * 30}\n\n{'b ' * 30}", limit=100)
    assert set(first.text) == {"a", " "}
    assert set(second.text) == {"b", " "}


def test_short_block_goes_with_the_next_when_the_cut_would_leave_a_stub() -> None:
    first, *_ = telegram(f"stub\n\n{'b ' * 100}", limit=100)
    assert first.text.startswith("stub\n\nb")


def test_heading_stays_with_its_paragraph() -> None:
    first, second = telegram(f"{'a ' * 30}\n\n# Title\n\n{'b ' * 30}", limit=100)
    assert "Title" not in first.text
    assert second.text.startswith("Title\n\nb")


def test_cuts_between_lines_then_sentences_then_words() -> None:
    assert [part.text for part in telegram("one two\nsix ten\nfour", limit=16)] == ["one two\nsix ten", "four"]
    assert telegram("Aaa bbb ccc. Ddd eee fff", limit=16)[0].text == "Aaa bbb ccc."
    assert telegram("aaa bbb ccc ddd eee fff", limit=16)[0].text == "aaa bbb ccc ddd"


def test_code_is_cut_between_lines_and_goes_on_with_its_language() -> None:
    lines = [f"    value_{number} = {number}" for number in range(20)]
    parts = telegram("```py\n" + "\n".join(lines) + "\n```", limit=100)
    assert len(parts) > 3
    assert "\n".join(part.text for part in parts).split("\n") == lines
    for part in parts:
        [entity] = part.entities
        assert (entity.type, entity.language) == ("pre", "py")
        assert (entity.offset, entity.length) == (0, size(part.text))


def test_bold_goes_on_in_the_next_message() -> None:
    parts = telegram("**" + "word " * 30 + "end**", limit=50)
    assert all([entity.type for entity in part.entities] == ["bold"] for part in parts)
    assert all(part.entities[0].length == size(part.text) for part in parts)


def test_link_goes_on_with_its_address() -> None:
    parts = telegram("[" + "word " * 30 + "end](https://a.io/)", limit=50)
    assert len(parts) > 2
    assert all(part.entities[0].url == "https://a.io/" for part in parts)


def test_no_cut_inside_a_surrogate_pair_or_a_grapheme(telegram_faults: Faults) -> None:
    text = FAMILY * 300 + "é" * 300 + "🇩🇪" * 300 + "क्षि" * 200
    whole = list(iter_graphemes(text))
    parts = telegram(text, limit=101)
    assert [grapheme for part in parts for grapheme in iter_graphemes(part.text)] == whole
    assert not any(telegram_faults(part, limit=101) for part in parts)


def test_grapheme_longer_than_a_message_is_cut_all_the_same() -> None:
    parts = telegram("a" + "\u0301" * 100, limit=16)
    assert sum(len(part.text) for part in parts) == 101


def test_length_counts_utf_16_units() -> None:
    assert len(telegram("😀" * 2048)) == 1
    assert len(telegram("😀" * 2049)) == 2


def test_at_most_a_hundred_entities_and_all_of_them_sent(telegram_faults: Faults) -> None:
    parts = telegram(" ".join(f"**b{number}** `c{number}`" for number in range(200)))
    assert not any(telegram_faults(part) for part in parts)
    assert sum(len(part.entities) for part in parts) == 400
    assert max(len(part.entities) for part in parts) <= 100


def test_more_kinds_on_one_word_than_a_message_may_have_loses_kinds_not_words() -> None:
    [message] = telegram("> ***~~[a](https://a.io/)~~***", max_entities=2)
    assert message.text == "a"
    assert len(message.entities) == 2


def test_caption_limit(telegram_faults: Faults) -> None:
    parts = telegram("Some *words* in a row. " * 200, limit=1024)
    assert not any(telegram_faults(part, limit=1024) for part in parts)


@pytest.mark.parametrize(("limit", "entities"), [(15, 100), (0, 100), (4096, 0)])
def test_limits_that_leave_no_room_are_refused(limit: int, entities: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        telegram("x", limit=limit, max_entities=entities)


def test_message_is_a_value() -> None:
    assert telegram("**a**") == telegram("__a__")
    assert isinstance(hash(telegram("**a**")[0]), int)
    assert TelegramText(text="a") == TelegramText(text="a", entities=())
