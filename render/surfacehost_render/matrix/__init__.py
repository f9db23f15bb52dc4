"""Markdown as Matrix messages: the source as body, HTML as formatted_body."""

from surfacehost_render.matrix.message import MatrixText, matrix
from surfacehost_render.matrix.parts import matrix_parts

__all__ = ["MatrixText", "matrix", "matrix_parts"]
