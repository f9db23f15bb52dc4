"""One plugin never hurts another: plugins made of trouble, found by entry point in the real process."""

import os
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from surfacehost_devkit.hostprocess import wait_until

from .logbook import OPEN, Book

SURFACE = """
import asyncio, time
from pathlib import Path
from surfacehost import CONTRACT, Capabilities, Message, NotReady, Refused, SurfaceSettings, hookimpl

Path({marker!r}).touch()

class Trouble:
    contract = {contract}
    Settings = SurfaceSettings
    capabilities = Capabilities(stale_after_s={stale})

    def __init__(self, home, settings):
        self.name = home.name
        {init}

    async def listen(self, put):
        {first}
        await put(Message(surface=self.name, id="t1", chat="c", sender="ann", direct=True, text="hello"))
        {listen}

    def compose(self, text):
        return [text]

    def mounts(self):
        return {{}}

    @hookimpl
    {on_message}
"""
QUIET = "async def on_message(self, message, client): pass"


def install(
    folder: Path, *, group: str = "surfacehost.surfaces", code: str = "", parts: Mapping[str, object] | None = None
) -> dict[str, str]:
    """A distribution called trouble in *folder*; the environment of a process that has it installed."""
    fill = {
        "init": "pass",
        "first": "pass",
        "listen": "await asyncio.Event().wait()",
        "on_message": QUIET,
        "contract": "CONTRACT",
        "stale": None,
        "marker": str(folder / "imported"),
    } | dict(parts or {})
    folder.mkdir()
    (folder / "trouble.py").write_text(textwrap.dedent(code) if code else SURFACE.format(**fill))
    info = folder / "trouble-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\ntrouble = trouble:Trouble\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))}


@contextmanager
def beside(tmp_path: Path, settings: str = OPEN, **installed: object) -> Iterator[Book]:
    """A host with the logbook and the trouble."""
    environ = install(tmp_path / "trouble", **installed)  # type: ignore[arg-type]
    book = Book(tmp_path, settings)
    (book.folder / "said.jsonl").touch()
    book.host._environ |= environ
    with book.host:
        yield book


ENABLED = OPEN + "[surfaces.trouble]\n"

HOLD_ON = """while True:
            try: await asyncio.Event().wait()
            except asyncio.CancelledError: pass"""

SURFACES = {
    "its constructor raises": ({"init": "raise ValueError('boom')"}, "parked: ValueError: boom"),
    "listening raises": ({"listen": "raise ValueError('boom')"}, "ValueError: boom"),
    "listening ends": ({"listen": "return"}, "stopped listening by itself"),
    "the platform is away": ({"listen": "raise NotReady('nobody home')"}, "nobody home"),
    "it is refused": ({"listen": "raise Refused('bad token')"}, "parked: bad token"),
    "it goes deaf": ({"stale": 0.5}, "nothing was heard"),
    "it never hears anything": ({"stale": 0.5, "first": "await asyncio.Event().wait()"}, "nothing was heard"),
    "it cancels itself": ({"listen": "raise asyncio.CancelledError"}, "it cancelled itself"),
    "it does not let go": ({"stale": 0.5, "listen": HOLD_ON}, "does not stop listening"),
}


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_in_trouble_is_named_and_the_other_answers(tmp_path: Path, name: str) -> None:
    parts, reason = SURFACES[name]
    with beside(tmp_path, ENABLED, parts=parts) as book:

        def is_told() -> bool:
            status, text = book.host.readiness()
            return status == 503 and reason in text

        wait_until(is_told, 15, book.host.log_tail)
        assert book.ask("hi") == "echo: hi"
        assert "logbook: ok" in book.host.readiness()[1]
        assert book.host.stop() == 0


HOOKS = {
    "raises": "async def on_message(self, message, client): raise ValueError('boom')",
    "hangs": "async def on_message(self, message, client): await asyncio.Event().wait()",
    "blocks": "def on_message(self, message, client): time.sleep(3600)",
    "ignores its end": f"""async def on_message(self, message, client):
        {HOLD_ON}""",
    "awaits what was cancelled": """async def on_message(self, message, client):
        future = asyncio.get_running_loop().create_future(); future.cancel(); await future""",
    "leaves the answer to a task": """async def on_message(self, message, client):
        async def use(stream):
            async for _ in stream: await asyncio.sleep(3600)
        self.task = asyncio.create_task(use(client.answer(message)))
        await asyncio.sleep(1)""",
    "asks for what is not its own": """async def on_message(self, message, client):
        async for _ in client.answer(None): pass""",
    "leaves the answer half taken": """async def on_message(self, message, client):
        async for _ in client.answer(message): raise KeyError(1)""",
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_surface_whose_hook_fails_holds_up_nobody(tmp_path: Path, name: str) -> None:
    with beside(tmp_path, ENABLED, parts={"on_message": HOOKS[name]}) as book:
        book.host.wait_for(lambda status: any(way["surface"] == "trouble" for way in status["ways"]))
        assert book.ask("hi") == "echo: hi"
        assert book.host.stop() == 0


def test_what_always_fails_is_parked_after_attempts_and_age_and_the_thread_goes_on(tmp_path: Path) -> None:
    hook = """async def on_message(self, message, client):
        if message.text == "hello": raise ValueError("boom")
        async for reply in client.answer(message): Path({!r}).write_text(reply.body)"""
    listen = """await put(Message(surface=self.name, id="t2", chat="c", sender="ann", direct=True, text="next"))
        await asyncio.Event().wait()"""
    settings = ENABLED + "[dispatch]\npark_after_attempts = 3\npark_after_s = 2\n"
    parts = {"on_message": hook.format(str(tmp_path / "next")), "listen": listen}
    with beside(tmp_path, settings, parts=parts) as book:
        status = book.host.wait_for(lambda status: status["inbox"].get("trouble", {}).get("parked") == 1)
        wait_until((tmp_path / "next").exists, 10, book.host.log_tail)
        assert (tmp_path / "next").read_text() == "echo: next"
        steps = next(dict(reversed(way["steps"])) for way in status["ways"] if way["event"] == "t1")
        assert steps["settled"] - steps["stored"] >= 2
        assert book.host.log_text().count("ValueError: boom") >= 3


EXTENSIONS = {
    "raises": "async def on_message(self, message): raise ValueError('boom')",
    "hangs": "async def on_message(self, message): await asyncio.Event().wait()",
    "blocks": "def on_message(self, message): time.sleep(3600)",
    "misspells": "def on_massage(self, message): pass",
    "asks for more than there is": "def on_message(self, message, wishes): pass",
    "cannot be made": "def __init__(self): raise ValueError('boom')",
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_in_trouble_costs_nobody_an_answer(tmp_path: Path, name: str) -> None:
    code = f"""
        import asyncio, time
        from surfacehost import CONTRACT, hookimpl
        class Trouble:
            contract = CONTRACT
            {"@hookimpl" if "on_" in EXTENSIONS[name] else ""}
            {EXTENSIONS[name]}
        """
    settings = OPEN + "[dispatch]\nextension_timeout_s = 1\n"
    with beside(tmp_path, settings, group="surfacehost.extensions", code=code) as book:
        heard = book.say("hi")
        assert book.hear(heard) == "echo: hi"
        wait_until(lambda: "extension trouble" in book.host.log_text(), 10, book.host.log_tail)
        assert len(book.answers(heard)) == 1


def test_an_extension_hears_everything_that_is_let_in(tmp_path: Path) -> None:
    code = f"""
        from surfacehost import CONTRACT, hookimpl
        class Trouble:
            contract = CONTRACT
            @hookimpl
            def on_message(self, message):
                with open({str(tmp_path / "heard")!r}, "a") as file: file.write(message.text + "\\n")
            @hookimpl
            async def on_error(self, error, event):
                with open({str(tmp_path / "heard")!r}, "a") as file: file.write(f"{{error.kind}} {{event.text}}\\n")
        """
    with beside(tmp_path, '[defaults]\nallow = ["ann"]\n', group="surfacehost.extensions", code=code) as book:
        assert book.ask("hi") == "echo: hi"
        assert "Your id" in book.ask("let me in", "eve")
        book.ask("/demo error quota")
    assert (tmp_path / "heard").read_text().splitlines() == ["hi", "/demo error quota", "quota /demo error quota"]


def test_a_surface_that_is_off_is_not_imported(tmp_path: Path) -> None:
    with beside(tmp_path, ENABLED + "enabled = false\n", parts={"init": "1/0"}) as book:
        assert book.ask("hi") == "echo: hi"
        assert "trouble" not in book.host.readiness()[1]
    assert not (tmp_path / "trouble" / "imported").exists()


def test_a_plugin_of_another_contract_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"settings\.toml:\d+: .*plugin contract 2"),
        beside(tmp_path, ENABLED, parts={"contract": 2}),
    ):
        pass


def test_a_refusal_that_a_hook_tells_of_parks_it_for_good_and_at_rest(tmp_path: Path) -> None:
    parts = {"on_message": "async def on_message(self, message, client): raise Refused('revoked')",
             "listen": "\n        while True: await put(); await asyncio.sleep(0.05)"}  # fmt: skip
    with beside(tmp_path, ENABLED, parts=parts) as book:
        wait_until(lambda: "trouble: parked: revoked" in book.host.readiness()[1], 15, book.host.log_tail)
        assert book.ask("hi") == "echo: hi"
        before = _cpu_s(book.host.pid)
        assert book.ask("/demo slow 2") == "I waited 2 s."
        assert _cpu_s(book.host.pid) - before < 1.0
        assert "trouble: parked: revoked" in book.host.readiness()[1]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_explanation_that_has_to_wait_is_said_and_nobody_is_asked_again(tmp_path: Path) -> None:
    said = tmp_path / "said"
    parts = {
        "init": "self.tries = 0",
        "listen": """await put(Message(surface=self.name, id="t2", chat="c", sender="ann", direct=True,
                                text="/demo error quota"))
        await asyncio.Event().wait()""",
        "on_message": f"""async def on_message(self, message, client):
        async for reply in client.answer(message):
            with open({str(said)!r}, "a") as file: file.write(reply.id + " " + reply.body + "\\n")
    @hookimpl
    async def on_error(self, error, event, client):
        self.tries += 1
        raise NotReady("not just now")""",
    }
    with beside(tmp_path, ENABLED, parts=parts) as book:
        wait_until(lambda: said.exists() and "t2/error/0" in said.read_text(), 15, book.host.log_tail)
        status = book.host.wait_for(lambda status: not status["inbox"])
        steps = [step for way in status["ways"] if way["event"] == "t2" for step, _ in way["steps"]]
        assert steps.count("asked") == 1
    lines = said.read_text().splitlines()
    assert lines == ["t1/0 echo: hello", "t2/error/0 " + lines[1].partition(" ")[2]]
    assert "out of credit" in lines[1]
