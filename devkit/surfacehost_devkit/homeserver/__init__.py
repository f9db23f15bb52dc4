"""A real homeserver for tests and the demo: Synapse in an environment of its own, on the loopback address."""

from .admin import Account, AdminError
from .cache import cache_folder
from .installer import SYNAPSE_VERSION, InstallError, install, install_async
from .server import Homeserver, HomeserverError

__all__ = [
    "SYNAPSE_VERSION",
    "Account",
    "AdminError",
    "Homeserver",
    "HomeserverError",
    "InstallError",
    "cache_folder",
    "install",
    "install_async",
]
