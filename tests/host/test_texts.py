"""What is said to people: what others chose stands in it to the letter."""

from hypothesis import given
from hypothesis import strategies as st

from surfacehost.media import safe_name
from surfacehost.texts import LANGUAGES, literal, say
from surfacehost_render import matrix, plain, telegram

SENTENCES = ("file_gone", "file_inline", "file_too_large", "attachment_gone", "attachment_too_large")

names = st.lists(st.sampled_from([*r"ab1 .,`*_[]<>~|$&#;:()!-=^{}+", "**", "__", "||", "&amp;", "https://"])).map(
    lambda found: safe_name("".join(found))
)


@given(names)
def test_a_name_is_no_markdown(name: str) -> None:
    for language in LANGUAGES:
        for sentence in SENTENCES:
            said = say(language, sentence, name=literal(name), limit="1 MB")
            [shown] = telegram(said)
            assert (shown.text, shown.entities) == (say(language, sentence, name=name, limit="1 MB"), ())
            assert plain(said) == shown.text
    [link] = telegram(say("en", "file", name=literal(name), url="https://files.example/1"))
    assert (link.text, [entity.type for entity in link.entities]) == (name, ["text_link"])


def test_a_usual_name_stays_as_it_is() -> None:
    for name in ("Q3_report (final) v1.2-b.pdf", "R&D.txt", "отчёт № 5.docx"):
        assert literal(name) == name
    assert matrix(literal("**R&amp;D**")).body == "**R&amp;D**"
