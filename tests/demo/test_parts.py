"""The parts of the demo that can be seen alone: board, ways, ports, progress."""

import asyncio
import io
import socket

import pytest

from surfacehost_devkit.demo import ports
from surfacehost_devkit.demo.board import MESSAGES, Board
from surfacehost_devkit.demo.failure import DemoFailed
from surfacehost_devkit.demo.progress import Progress
from surfacehost_devkit.demo.ways import KEPT, WayBook
from surfacehost_devkit.ports import free_port


async def test_a_page_gets_everything_once_and_then_what_changes() -> None:
    board = Board()
    board.put("host", {"state": "up"})
    with board.reading() as reader:
        assert await reader.changes() == [("host", {"state": "up"})]
        board.put("host", {"state": "up"})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await reader.changes()
        board.put("host", {"state": "down"})
        board.put("host", {"state": "starting"})
        board.put("typing/web", {"on": True})
        board.drop("typing/web")
        assert await reader.changes() == [("host", {"state": "starting"}), ("typing/web", None)]


async def test_a_page_that_leaves_is_told_nothing_more() -> None:
    board = Board()
    with board.reading():
        assert board.read.is_set()
    assert not board.read.is_set()
    board.put("host", {})


def test_the_oldest_messages_go_for_good() -> None:
    board = Board()
    for number in range(MESSAGES + 2):
        board.put_message("web", str(number), {"text": str(number)})
    board.put_message("web", "0", {"text": "0"})
    board.put_message("matrix", "0", {"text": "0"})
    assert board.get("message/web/0") == {}
    assert board.get("message/web/2") == {"text": "2"}
    assert board.get("message/matrix/0") == {"text": "0"}


def test_a_way_goes_on_after_the_host_was_killed() -> None:
    board = Board()
    book = WayBook(board)
    told = {"surface": "web", "event": "a", "thread": "1/web/a/a/~"}
    book.take([{**told, "steps": [["stored", 1.0], ["taken", 2.0]]}])
    book.interrupt()
    book.take([{**told, "steps": [["taken", 4e9], ["settled", 5e9]]}])
    book.take([{**told, "steps": [["taken", 4e9], ["settled", 5e9]]}])
    book.interrupt()  # nothing was under way
    steps = board.get("way/web/a")["steps"]
    assert [step for step, _ in steps] == ["stored", "taken", "killed", "taken", "settled"]


def test_only_the_latest_ways_are_kept() -> None:
    board = Board()
    book = WayBook(board)
    told = [{"surface": "web", "event": str(n), "thread": "", "steps": [["stored", float(n)]]} for n in range(KEPT + 1)]
    book.take([*reversed(told)])
    assert board.get("way/web/0") == {}
    assert board.get(f"way/web/{KEPT}") != {}


def test_the_next_port_is_taken_when_none_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        free = free_port()
        monkeypatch.setattr(ports, "USUAL", [number, free])
        with ports.page_socket(None) as listener:
            assert listener.getsockname() == ("127.0.0.1", free)
        with pytest.raises(DemoFailed, match=f"port {number} can't be had"):
            ports.page_socket(number)


def test_progress_tells_what_and_how_long() -> None:
    out = io.StringIO()
    progress = Progress(out)
    with progress.step("host", "starts") as step:
        step.show("seen on a terminal only")
        step.what = "runs"
    with pytest.raises(DemoFailed), progress.step("people", "come"):
        raise DemoFailed("they don't")
    lines = out.getvalue().splitlines()
    assert [line.split()[:3] for line in lines] == [["✓", "host", "runs"], ["✗", "people", "come"]]
    assert all(line.endswith(" s") for line in lines)
