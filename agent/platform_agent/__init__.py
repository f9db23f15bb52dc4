"""The reference agent server."""
