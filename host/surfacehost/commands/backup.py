"""``surfacehost backup``: one consistent copy of everything that lasts, whether a host runs or not."""

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from surfacehost.commands.settings_file import WRONG_SETTINGS, add_settings, settings_of
from surfacehost.errors import SurfacehostError
from surfacehost.settings import Settings
from surfacehost.store import copies

SQLITE = b"SQLite format 3\0"
"""How every SQLite file begins (https://www.sqlite.org/fileformat.html)."""
MEDIA = "media"
"""The folder of files that people and the agent send; what is lacking of it after a restore is told in a sentence."""
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; a copy is whole without."""
LOCKS = ("lock", "host.lock")


class Backup:
    """Copies the database, then the surfaces' files: a place in a platform's history is never newer than its keys."""

    help = "copy database and crypto stores into a new folder, while the host runs or not"

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""
        parser.add_argument("target", type=Path, metavar="TARGET", help="the folder to make; it must not exist yet")
        add_settings(parser)

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """0 and what was copied; 1 and why not, TARGET being as absent as before; 2 for wrong settings."""
        settings = settings_of(args)
        if settings is None:
            return WRONG_SETTINGS
        os.umask(0o077)  # there are secrets in it
        try:
            _back_up(settings, args.target)
        except (SurfacehostError, sqlite3.Error, OSError) as error:
            sys.stderr.write(f"surfacehost: there is no backup: {error}\n")
            return 1
        files = [file for file in args.target.rglob("*") if file.is_file()]
        sys.stdout.write(f"{args.target}: {len(files)} files, {sum(file.stat().st_size for file in files):,} bytes\n")
        return 0


def _back_up(settings: Settings, target: Path) -> None:
    """Make *target* whole or not at all: under another name first."""
    database, data_dir = settings.database.resolve(), (settings.folder / settings.host.data_dir).resolve()
    if target.exists():
        raise SurfacehostError(f"{target} exists already: name a folder that does not")
    if target.resolve().is_relative_to(data_dir):
        raise SurfacehostError(f"{target} lies in {data_dir}, which is what is copied: name a folder elsewhere")
    if not database.exists():
        raise SurfacehostError(f"{database} does not exist yet: no host has run with these settings")
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    try:
        copies.copy_marked(database, partial / database.name)
        for file in _files(data_dir):
            if file != database and not (copied := partial / file.relative_to(data_dir)).exists():
                copied.parent.mkdir(parents=True, exist_ok=True)
                _copy(file, copied)
        _flush(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _files(folder: Path) -> Iterator[Path]:
    """What belongs into a copy of *folder*."""
    for file in sorted(folder.rglob("*")):
        if file.is_relative_to(folder / MEDIA):
            continue  # files are large, on their way, and fetched again where they can be
        stem = next((file.name.removesuffix(end) for end in BESIDE if file.name.endswith(end)), "")
        is_beside = stem and file.with_name(stem).exists()
        if file.is_file() and not is_beside and file.name not in LOCKS and file.suffix != ".lock":
            yield file


def _copy(file: Path, copied: Path) -> None:
    with file.open("rb") as opened:
        is_database = opened.read(len(SQLITE)) == SQLITE
    if is_database:
        copies.copy(file, copied)
    else:
        copied.write_bytes(file.read_bytes())


def _flush(folder: Path) -> None:
    """Have everything on the disk before it gets its name."""
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
