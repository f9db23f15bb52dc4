"""Clients that speak to this machine without TLS."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What httpx takes as ``verify`` for an address without TLS. It trusts nobody, and so costs nothing.

Left to itself httpx reads every authority of the system for each client, which takes longer than most calls.
"""
