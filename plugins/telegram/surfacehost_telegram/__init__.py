"""Telegram for surfacehost: one bot account per settings table.

``surface`` is what the host sees; ``fetch`` and ``parse`` bring updates in, ``download`` files. ``send`` gets replies
out: a ``letter`` that ``calls`` bring into the chat, what is noted of an ``errand``, ``readback`` for those in doubt;
``stream`` and ``drafts`` show an answer that grows. ``bot``, ``limiter`` and ``redact`` stand between all of them and
Telegram.
"""

from surfacehost_telegram.settings import TelegramSettings
from surfacehost_telegram.surface import TelegramSurface

__all__ = ["TelegramSettings", "TelegramSurface"]
