"""Telegram for surfacehost: one bot account per settings table.

``surface`` is what the host sees; ``fetch`` and ``parse`` bring updates in; ``send``, ``outcome`` and ``readback`` get
replies out; ``bot``, ``limiter`` and ``redact`` stand between all of them and Telegram.
"""

from surfacehost_telegram.settings import TelegramSettings
from surfacehost_telegram.surface import TelegramSurface

__all__ = ["TelegramSettings", "TelegramSurface"]
