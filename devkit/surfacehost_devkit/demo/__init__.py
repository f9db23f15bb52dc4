"""``surfacehost demo``: a homeserver, a Telegram and the host on this machine, and one page to watch them on."""
