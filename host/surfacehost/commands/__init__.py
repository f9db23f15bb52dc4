"""The commands of ``surfacehost``, one module each."""
