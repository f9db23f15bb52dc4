"""What can be set in ``[surfaces.<name>]`` for a chat page."""

import re
from typing import Annotated, Literal

import pydantic

from surfacehost import SurfaceSettings

_PATH = re.compile(r"(/[a-z0-9][a-z0-9_-]*)+")


class WebSettings(SurfaceSettings):
    """One chat page."""

    dm_policy: Literal["pairing", "allowlist", "open", "disabled"] = "open"
    """Whoever can open the page may talk: its visitors are met by their browser, so no list could name them before."""
    path: str = "/chat"
    """Where the host's web server shows it."""
    title: str = pydantic.Field(default="", max_length=60)
    """What the page calls the one who answers; empty: "Assistant", in the reader's language."""
    keep_messages: Annotated[int, pydantic.Field(ge=2, le=100_000)] = 500
    """How many messages of a conversation the page can show again, answers included: the newest."""
    max_upload_mb: Annotated[float, pydantic.Field(gt=0, le=4096)] = 20
    """Millions of bytes that a file may have which a person sends; ``[media] max_mb`` counts as well."""
    frame_ancestors: tuple[str, ...] = ()
    """Origins besides its own whose pages may show this one inside a frame, such as ``https://intranet.example.org``."""

    @pydantic.field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if not _PATH.fullmatch(path):
            raise ValueError("should be a path of lower-case letters, digits, - and _, such as /chat")
        return path

    @pydantic.field_validator("frame_ancestors")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not re.fullmatch(r"https?://[\w.:\[\]*-]+", origin):
                raise ValueError(f"{origin!r} is no origin; one looks like https://intranet.example.org")
        return origins
