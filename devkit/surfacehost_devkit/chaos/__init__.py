"""Kill the host anywhere, and judge from the outside whether every message was answered, once and in order.

``storm`` is the load, the kills and the end; ``sides`` is what a surface brings; ``points`` are the steps at which the
host dies; ``doom`` is within the child; ``audit`` is the judge. ``python -m surfacehost_devkit.chaos`` is the
long form, ``tests/chaos`` the short one.
"""

from surfacehost_devkit.chaos.audit import Verdict
from surfacehost_devkit.chaos.sides import MatrixSide, Side, TelegramSide
from surfacehost_devkit.chaos.storm import Death, Storm, at_any_moment, at_every_point

__all__ = ["Death", "MatrixSide", "Side", "Storm", "TelegramSide", "Verdict", "at_any_moment", "at_every_point"]
