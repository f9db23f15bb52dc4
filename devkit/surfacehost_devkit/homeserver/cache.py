"""Where downloaded and built things are kept, so that a second start is quick."""

import os
from collections.abc import Mapping
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for things that can be made again at any time.

    In this order: ``$SURFACEHOST_CACHE``; ``.cache`` of the workspace when the devkit runs from its checkout;
    ``$XDG_CACHE_HOME/surfacehost``; ``~/.cache/surfacehost``. The folder need not exist yet.
    """
    if told := environ.get("SURFACEHOST_CACHE"):
        return Path(told).expanduser().absolute()
    if (_CHECKOUT / "devkit" / "pyproject.toml").is_file():
        return _CHECKOUT / ".cache"
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / "surfacehost"
    return Path.home() / ".cache" / "surfacehost"
