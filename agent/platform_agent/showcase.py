"""The `/demo` commands that show what an agent can do."""

import asyncio
import base64
import math
import struct
import zlib
from collections.abc import AsyncIterator, Iterator

from platform_agent import approvals, events
from platform_agent.demo import Call, Command, Usage
from platform_agent.events import Frame

MARKDOWN = """\
# Heading

A paragraph with **bold**, *italic*, ***both***, ~~struck~~, `code` and a [link](https://example.org/a_b?c=d&e=f).
Special characters: _ * [ ] ( ) ~ > # + - = | { } . ! < & \\ "quotes" and emoji 👋🏽.

## Lists

1. one
2. two
   - nested, with `code`
   - nested, with **bold**
- [x] done
- [ ] open

> A quotation
> over two lines.

```python
def greet(name: str) -> str:
    return f"<b>{name}</b> & friends"  # not a *heading*
```

| Surface  | Streams |
|----------|---------|
| Matrix   | edits   |
| Telegram | drafts  |

---

<b>HTML is text here</b>, русский текст, 中文, العربية.
"""

LOOKS = {"plain": "word{}", "bold": "**word{}**", "wide": "**длинный{}**"}
"""How the words of `/demo stream` look; the last kind takes the most bytes, most of all where JSON is escaped."""


async def help_text(call: Call) -> AsyncIterator[Frame]:
    """Every command with its sentence, also in answer to a name that there is none for."""
    width = max(len(command.usage) for command in call.commands.values())
    lines = [f"{command.usage:<{width}}  {command.sentence}" for command in call.commands.values()]
    unknown = "" if call.name in call.commands else "There is no such command.\n"
    for event in events.say(call.turn, f"{unknown}```\n" + "\n".join(lines) + "\n```"):
        yield event


async def memory(call: Call) -> AsyncIterator[Frame]:
    """What this thread's person said before, oldest first."""
    said = [item.text for item in call.thread.said if item.role == "user"]
    lines = [f"{number}. {text}" for number, text in enumerate(said, start=1)]
    answer = "\n".join(["I remember:", *lines]) if lines else "I remember nothing."
    for event in events.say(call.turn, answer):
        yield event


async def context(call: Call) -> AsyncIterator[Frame]:
    """What the host told about the message."""
    lines = [f"{name}: {value}" for name, value in sorted(call.turn.context.items())]
    for message in call.turn.messages:
        metadata = message.get("metadata")
        user_id = metadata.get("userId", "?") if isinstance(metadata, dict) else "?"
        lines.append(f"message {message.get('id')} from {message.get('name', '?')} ({user_id})")
    for event in events.say(call.turn, "\n".join(lines) or "no context"):
        yield event


async def stream(call: Call) -> AsyncIterator[Frame]:
    """Words, one at a time."""
    count, interval, look = call.count(0, 20, 10_000), call.number(1, 0.1, 60), call.word(2, "plain")
    if look not in LOOKS:
        raise Usage
    message_id = f"{call.turn.run_id}-answer"
    yield events.begin_text(message_id)
    for number in range(1, count + 1):
        word = LOOKS[look].format(number)
        for event in events.add_text(message_id, word if number == 1 else f" {word}"):
            yield event
        await asyncio.sleep(interval)
    yield events.end_text(message_id)


async def markdown(call: Call) -> AsyncIterator[Frame]:
    """One of everything Markdown has, line by line."""
    for event in events.say(call.turn, MARKDOWN.splitlines(keepends=True)):
        yield event


def long_text(chars: int, *, code: bool) -> str:
    """Exactly so many characters of numbered lines: paragraphs of five, or one block of code."""
    opening, closing = ("```python\n", "\n```") if code else ("", "")
    room = max(0, chars - len(opening) - len(closing))
    lines, length, number = [], 0, 0
    while length < room:
        number += 1
        line = f"line({number}, 'of code')\n" if code else f"Line {number} of a long answer.\n"
        lines.append(line if code or number % 5 else line + "\n")
        length += len(lines[-1])
    return (opening + "".join(lines)[:room] + closing)[:chars]


async def long(call: Call) -> AsyncIterator[Frame]:
    """A long answer, in pieces of 500 characters."""
    chars, kind = call.count(0, 12_000, 1_000_000), call.word(1, "text")
    if kind not in ("text", "code"):
        raise Usage
    text = long_text(chars, code=kind == "code")
    pieces = (text[start : start + 500] for start in range(0, len(text), 500))
    for event in events.say(call.turn, pieces):
        yield event


async def tool(call: Call) -> AsyncIterator[Frame]:
    """A step with a tool call in it."""
    call_id = f"{call.turn.run_id}-call-1"
    yield {"type": "STEP_STARTED", "stepName": "research"}
    for event in events.call_tool(call_id, "search", '{"query":"surfaces"}'):
        yield event
    yield events.tool_result(call_id, "3 results")
    yield {"type": "STEP_FINISHED", "stepName": "research"}
    for event in events.say(call.turn, "The search found 3 results."):
        yield event


async def approve(call: Call) -> AsyncIterator[Frame]:
    """A question, or several, for the person to decide."""
    names, seconds = list(call.words), 900
    if names and names[-1].isdecimal():
        seconds = min(int(names.pop()[:9]), 86_400)
    async for event in approvals.ask(call.thread, call.turn, names or ["notes.txt"], seconds):
        yield event


def picture(size: int = 0) -> bytes:
    """A PNG of a green square: of 64 by 64 pixels, or of so many that it has at least *size* bytes."""
    side = max(64, math.isqrt(size // 3) + 1)
    rows = (b"\0" + b"\x2e\xa0\x43" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(rows, 0 if size else -1)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def sound(size: int = 0) -> bytes:
    """A WAV of a high a, 440 Hz: of a second, or of so many bytes."""
    count = max(size - 44, 0) if size else 8000
    wave = bytes(128 + round(100 * math.sin(math.tau * 440 * at / 8000)) for at in range(8000))
    data = (wave * (count // 8000 + 1))[:count]
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)  # 8000 samples of a byte in a second
    return struct.pack("<4sI4s", b"RIFF", 36 + count, b"WAVE") + form + struct.pack("<4sI", b"data", count) + data


async def file(call: Call) -> AsyncIterator[Frame]:
    """A file, then a sentence."""
    kind = call.word(0, "text")
    size = call.count(1, 13 if kind == "text" else 0, 600_000)
    if kind == "text":
        sort, name, mime_type = "document", "hello.txt", "text/plain"
        data = (b"Hello, file!\n" * (size // 13 + 1))[:size]
    elif kind == "image":
        sort, name, mime_type, data = "image", "square.png", "image/png", picture(size)
    elif kind == "sound":
        sort, name, mime_type, data = "audio", "beep.wav", "audio/wav", sound(size)
    else:
        raise Usage
    yield events.file(sort, name, mime_type, base64.b64encode(data).decode(), len(data), " ".join(call.words[2:]))
    for event in events.say(call.turn, f"Here is {name}."):
        yield event


async def think(call: Call) -> AsyncIterator[Frame]:
    """Reasoning, then a sentence."""
    thoughts = [events.add_reasoning(call.turn, piece) for piece in ("First I look at it.", " Then I look again.")]
    for event in [*events.begin_reasoning(call.turn), *thoughts, *events.end_reasoning(call.turn)]:
        yield event
    for event in events.say(call.turn, "I have thought about it."):
        yield event


async def status(call: Call) -> AsyncIterator[Frame]:
    """Status lines, then a sentence."""
    count, interval = call.count(0, 3, 1000), call.number(1, 0.5, 600)
    for number in range(1, count + 1):
        yield events.status(f"step {number} of {count}")
        await asyncio.sleep(interval)
    for event in events.say(call.turn, f"{count} steps done."):
        yield event


async def slow(call: Call) -> AsyncIterator[Frame]:
    """A wait, then a sentence."""
    seconds = call.number(0, 10, 3600)
    yield events.status(f"waiting {seconds:g} s")
    await asyncio.sleep(seconds)
    for event in events.say(call.turn, f"I waited {seconds:g} s."):
        yield event


async def later(call: Call) -> AsyncIterator[Frame]:
    """A sentence now, and one that nobody asks for."""
    seconds = call.number(0, 5, 3600)
    message_id, text = f"{call.turn.run_id}-later", f"{seconds:g} s have passed."
    asyncio.get_running_loop().call_later(seconds, call.thread.unasked.say, message_id, text)
    for event in events.say(call.turn, f"I'll write again in {seconds:g} s."):
        yield event


async def cut(call: Call) -> AsyncIterator[Frame]:
    """An answer that the model's length limit ended."""
    for event in events.say(call.turn, "This answer ends in the middle of a"):
        yield event
    yield events.finished(call.turn.run_id, result={"stopReason": "length"})


def commands() -> Iterator[tuple[str, Command]]:
    """The commands of this file by name."""
    yield "help", Command(usage="/demo help", sentence="this list", run=help_text)
    yield "memory", Command(usage="/demo memory", sentence="what this thread said before", run=memory)
    yield "context", Command(usage="/demo context", sentence="what the host told about you", run=context)
    yield (
        "stream",
        Command(usage="/demo stream [n] [s] [bold|wide]", sentence="n words, one every s seconds", run=stream),
    )
    yield "markdown", Command(usage="/demo markdown", sentence="every kind of formatting", run=markdown)
    yield "long", Command(usage="/demo long [chars] [text|code]", sentence="a long answer", run=long)
    yield "tool", Command(usage="/demo tool", sentence="a tool call", run=tool)
    yield (
        "approve",
        Command(usage="/demo approve [file …] [s]", sentence="asks for a yes within s seconds", run=approve),
    )
    yield "file", Command(usage="/demo file [text|image|sound] [bytes] [caption]", sentence="a file", run=file)
    yield "think", Command(usage="/demo think", sentence="reasoning before the answer", run=think)
    yield "status", Command(usage="/demo status [n] [s]", sentence="n status lines, s seconds apart", run=status)
    yield "slow", Command(usage="/demo slow [s]", sentence="answers after s seconds", run=slow)
    yield "later", Command(usage="/demo later [s]", sentence="writes again after s seconds, unasked", run=later)
    yield "cut", Command(usage="/demo cut", sentence="an answer cut off by a length limit", run=cut)
