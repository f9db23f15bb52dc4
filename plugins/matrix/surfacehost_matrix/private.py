"""Files for our eyes alone, written whole or not at all."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write *text* to *file* with mode 0600; after a crash there is the old file or the new one. Raises OSError."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)  # of an earlier attempt, perhaps with other rights
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as open_file:
        open_file.write(text)
        open_file.flush()
        os.fsync(descriptor)
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
