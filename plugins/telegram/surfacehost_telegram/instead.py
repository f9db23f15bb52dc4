"""What people read in place of a file that Telegram does not take."""

from typing import Any

from surfacehost_render.telegram.addresses import accepts
from surfacehost_render.telegram.entities import units
from surfacehost_telegram.upload import Upload

_TOO_LARGE = {
    "en": "⚠️ {name} ({size}) is too large for Telegram.",
    "ru": "⚠️ {name} ({size}): для Telegram это слишком большой файл.",
}
_NOT_TAKEN = {
    "en": "⚠️ Telegram does not take {name} ({size}).",
    "ru": "⚠️ Telegram не принимает {name} ({size}).",
}
_FETCH = {"en": "Download it here", "ru": "Скачать"}


def instead(file: Upload, locale: str, *, is_too_large: bool) -> tuple[str, list[dict[str, Any]]]:
    """A sentence in the language of who asked, and its formatting: a link, where the host has an address for people.

    An address that Telegram takes for no link (a name without a dot) stands there itself.
    """
    language = locale.partition("-")[0].lower()
    words = _TOO_LARGE if is_too_large else _NOT_TAKEN
    told = words.get(language, words["en"]).format(name=file.name, size=_size(file.size))
    if not file.url:
        return told, []
    fetch = _FETCH.get(language, _FETCH["en"])
    if not accepts(file.url):
        return f"{told}\n{fetch}: {file.url}", []
    link = {"type": "text_link", "offset": units(told) + 1, "length": units(fetch), "url": file.url}
    return f"{told}\n{fetch}", [link]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
