"""Imported once by the process that the forked ones come from: everything a host needs."""

from importlib.metadata import entry_points

import surfacehost.app

for _plugin in entry_points(group="surfacehost.surfaces"):
    _plugin.load()

__all__ = ["surfacehost"]
