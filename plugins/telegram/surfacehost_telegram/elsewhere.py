"""What is said above an answer that had to go to the chat, because its topic was deleted or closed."""

from dataclasses import replace

from surfacehost_render.telegram.entities import units
from surfacehost_telegram.letter import CAPTION, MESSAGE, Letter

_WORDS = {
    "en": "(The topic was deleted or closed, so I answer here.)\n\n",
    "ru": "(Тему удалили или закрыли, поэтому отвечаю здесь.)\n\n",
}


def explained(letter: Letter) -> Letter:
    """*letter* below that sentence, in the language of who asked; as it is where there is no room."""
    words = _WORDS.get(letter.locale.partition("-")[0].lower(), _WORDS["en"])
    if units(words + letter.text) > (CAPTION if letter.files else MESSAGE):
        return letter
    entities = tuple({**one, "offset": one["offset"] + units(words)} for one in letter.entities)
    return replace(letter, text=words + letter.text, entities=entities)
