"""Files of one answer, where a surface of somebody else's shows them together: through the real process."""

from collections.abc import Iterator

import pytest
from tests.host.logbook import Book
from tests.host.scrapbook import installed
from tests.telegram.shown import SHOWN
from tests.telegram.wholehost import can_show_files

from surfacehost_devkit.hostprocess import wait_until


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    folder = tmp_path_factory.mktemp("albums")
    made = Book(folder, name="scrapbook", plugin="scrapbook", environ=installed(folder), first=can_show_files)
    (made.folder / "said.jsonl").touch()
    with made.host:
        yield made


def pages(book: Book, words: str, count: int) -> list[tuple[str, list[str]]]:
    """What is stuck in for the answer to *words*, once it is so many pages: what each says, and its files."""
    to = book.say(words)
    wait_until(lambda: len(book.answers(to)) >= count, 20, book.host.log_tail)
    return [(one["text"], [name for name, _ in one["files"]]) for one in book.answers(to)]


def test_the_files_of_an_answer_come_together_in_their_order_and_whole(book: Book) -> None:
    names = [SHOWN[number][0] for number in (5, 0, 9)]
    assert pages(book, "/demo shown 5 0 9", 2) == [(f"Here is {', '.join(names)}.", []), (None, names)]
    [came] = [one["files"] for one in book.answers() if one["files"]]
    assert [content.encode("latin-1") for _, content in came] == [SHOWN[number][2] for number in (5, 0, 9)]


def test_one_file_is_no_album(book: Book) -> None:
    name = SHOWN[0][0]
    assert pages(book, "/demo shown 0", 2) == [(f"Here is {name}.", []), (None, [name])]
