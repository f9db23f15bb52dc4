"""The methods the simulator knows, by their name in lower case (the server does not mind the case)."""

from collections.abc import Mapping

from surfacehost_devkit.botapi.methods import account, albums, chats, editing, fetching, media, sending
from surfacehost_devkit.botapi.methods.call import Call, Method

__all__ = ["METHODS", "Call"]

METHODS: Mapping[str, Method] = {
    name.lower(): method
    for part in (account, albums, chats, editing, fetching, media, sending)
    for name, method in part.METHODS.items()
}
