"""Surfaces that show answers while they grow, however short and quick: what a storm over previews needs."""

from dataclasses import replace
from importlib.metadata import entry_points

from surfacehost import Pace


def be_eager() -> None:
    """Let every surface of this process be so, where it shows answers while they grow at all."""
    eager = Pace(quiet_s=0.0, intervals_s=(0.05,))
    for plugin in entry_points(group="surfacehost.surfaces"):
        surface = plugin.load()
        if surface.capabilities.previews is not None:
            surface.capabilities = replace(surface.capabilities, previews=eager)
