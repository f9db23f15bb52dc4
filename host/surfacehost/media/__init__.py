"""Files on their way: on the disk before anybody is told of them.

Names come from strangers and are never used as paths.
"""

from surfacehost.media.incoming import Given, Incoming, Missing, Why
from surfacehost.media.links import Links
from surfacehost.media.outgoing import shelve
from surfacehost.media.shelf import Item, Shelf, id_of, safe_name

__all__ = ["Given", "Incoming", "Item", "Links", "Missing", "Shelf", "Why", "id_of", "safe_name", "shelve"]
