"""Tables as lines of one width, for a message that knows no tables."""

from wcwidth import width

# A phone held upright shows about so many fixed-width characters in a line; a wrapped table is unreadable.
_PHONE_COLUMNS = 40


def layout(rows: list[list[str]], alignments: list[str]) -> str | None:
    """The rows with aligned columns and a rule under the first, or None if they are too wide for a phone."""
    widths = [max(_columns(row[index]) for row in rows) for index in range(len(alignments))]
    if sum(widths) + 3 * (len(widths) - 1) > _PHONE_COLUMNS:
        return None
    lines = [" │ ".join(map(_pad, row, widths, alignments)).rstrip() for row in rows]
    lines.insert(1, "─┼─".join("─" * columns for columns in widths))
    return "\n".join(lines)


def _columns(text: str) -> int:
    """The columns a text takes: two for a Chinese character or an emoji, none for a combining accent."""
    return width(text, control_codes="ignore")


def _pad(text: str, columns: int, alignment: str) -> str:
    missing = columns - _columns(text)
    left = {"right": missing, "center": missing // 2}.get(alignment, 0)
    return " " * left + text + " " * (missing - left)
