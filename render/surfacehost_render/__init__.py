"""Markdown for chat surfaces: Telegram entities, Matrix HTML and plain text from one parser."""

from surfacehost_render.fences import close_open_fences
from surfacehost_render.matrix import MatrixText, matrix, matrix_parts
from surfacehost_render.plain import plain
from surfacehost_render.telegram import Entity, TelegramText, telegram

__all__ = [
    "Entity",
    "MatrixText",
    "TelegramText",
    "close_open_fences",
    "matrix",
    "matrix_parts",
    "plain",
    "telegram",
]
