"""Settings: settings.toml, two files beside it and the environment, checked as a whole before anything starts.

``load`` is the way in; it returns one frozen ``Settings`` or raises SettingsError with every problem at once.
"""

from surfacehost.settings.loading import Finder, load
from surfacehost.settings.models import Agent, Dispatch, Host, Media, Reference, Settings, Store, SurfaceTable, Web
from surfacehost.settings.schema import json_schema
from surfacehost.settings.show import Row, rows

__all__ = [
    "Agent",
    "Dispatch",
    "Finder",
    "Host",
    "Media",
    "Reference",
    "Row",
    "Settings",
    "Store",
    "SurfaceTable",
    "Web",
    "json_schema",
    "load",
    "rows",
]
