"""Lines as the page gets them: a person's words as they are, an answer as HTML that is safe to put into the page."""

import asyncio
from collections.abc import Sequence
from typing import Any

from surfacehost_render.web import web_html
from surfacehost_web.history import Line, Numbered

RENDER_IN_THREAD_CHARS = 10_000
"""From here on rendering takes long enough to hold up the loop."""


def shown(number: int, line: Line) -> dict[str, Any]:
    """*line* without HTML: a person's."""
    common = {"n": number, "id": line.id, "who": line.who, "text": line.text, "at": line.at, "files": [*line.files]}
    return common if line.who == "person" else common | {
        "kind": line.kind, "to": line.to, "html": web_html(line.text), "choices": [*line.choices],
    }  # fmt: skip


async def shown_page(lines: Sequence[Numbered]) -> list[dict[str, Any]]:
    """All of *lines*, rendered beside the loop where they are long."""
    if sum(len(line.text) for _, line in lines if line.who != "person") < RENDER_IN_THREAD_CHARS:
        return [shown(number, line) for number, line in lines]
    return await asyncio.to_thread(lambda: [shown(number, line) for number, line in lines])
