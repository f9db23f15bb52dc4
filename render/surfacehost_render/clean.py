"""What never belongs into a message: half characters, control characters, invisible direction switches."""

import unicodedata

_SPACES = "\x0b\x0c\x1c\x1d\x1e\x1f"
_LINE_ENDS = "\x85\u2028\u2029"
# Direction overrides can make a shown command differ from the one that is copied; Telegram's server drops them too.
_REMOVED = (
    [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]
    + [chr(code) for code in range(0x202A, 0x202F)]
    + ["\ufeff"]
)
_TABLE = str.maketrans(dict.fromkeys(_REMOVED, "") | dict.fromkeys(_SPACES, " ") | dict.fromkeys(_LINE_ENDS, "\n"))

# Blank on screen although Unicode counts them as letters or symbols; Telegram refuses a message made of these only.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
_BLANK_CATEGORIES = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))


def clean(text: str) -> str:
    """The text with lone surrogates as U+FFFD, one kind of line end and no control characters but tab."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def scrub(text: str) -> str:
    """The text without control characters, for what Markdown spells as `&#13;` and the parser decodes."""
    return text.translate(_TABLE)


def is_visible(text: str) -> bool:
    """Whether a reader would see anything of the text."""
    return any(
        unicodedata.category(char) not in _BLANK_CATEGORIES and char not in _BLANKS and not "\ufe00" <= char <= "\ufe0f"
        for char in text
    )
