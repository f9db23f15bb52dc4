"""Imported once by the process that the forked ones come from: everything a host needs."""

import gc
from importlib import import_module
from importlib.metadata import entry_points

import surfacehost.app

for _plugin in entry_points(group="surfacehost.surfaces"):
    _plugin.load()

# What libraries import when they are first used: a third of the time that a fork takes to be ready.
for _module in (
    "anyio._backends._asyncio",
    "Crypto.Cipher._mode_ctr",
    "Crypto.Cipher._mode_ecb",
    "Crypto.Cipher._mode_gcm",
    "Crypto.PublicKey._ec_lib",
    "Crypto.PublicKey._edwards",
    "encodings.utf_8_sig",
    "httpcore",
    "httpcore._backends.anyio",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
):
    import_module(_module)

surfacehost.trust(None)  # the system's authorities, likewise
gc.collect()
gc.freeze()  # or each fork looks through all of this, and copies it by doing so

__all__ = ["surfacehost"]
