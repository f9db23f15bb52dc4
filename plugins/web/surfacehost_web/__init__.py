"""The chat page: the surface that needs no account anywhere."""

from surfacehost_web.settings import WebSettings
from surfacehost_web.surface import WebSurface

__all__ = ["WebSettings", "WebSurface"]
