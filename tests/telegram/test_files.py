"""Files both ways: as what they are shown, what Telegram does not take, and how they are fetched."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from tests.telegram.conftest import Desk, Post
from tests.telegram.shown import SHOWN

from surfacehost import Attachment, NotReady, Reply, TooLarge, Undeliverable
from surfacehost_devkit.botapi import BotApi, Fault, faults
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_telegram.download import Unreadable
from surfacehost_telegram.upload import CLOUD_BYTES, Upload

pytestmark = pytest.mark.usefixtures("hurry")


async def test_files_are_shown_as_what_they_are(post: Post) -> None:
    caption = {"text": "see here", "entities": [{"type": "bold", "offset": 0, "length": 3}]}
    for name, mime_type, content, shown in SHOWN:
        [sent] = await post.send(post.reply(name, mime_type, content, body=caption))
        stored = sent.content.document
        assert stored is not None
        assert (sent.content.shown_as, stored.data, sent.text) == (shown, content, "see here"), name
        assert [entity.type for entity in sent.entities] == ["bold"]
        assert stored.mime_type == mime_type.partition(";")[0]
    assert {one.content.document.name for one in post.api.world.replies(post.alice.id) if one.content.document} >= {
        "ab.pdf"
    }


async def test_a_long_caption_is_a_message_of_its_own(post: Post) -> None:
    caption = {"text": "word " * 300 + "end", "entities": []}
    words, file = await post.send(post.reply("a.txt", "text/plain", b"x", body=caption))
    assert (words.text, file.text) == (caption["text"], "")
    assert file.content.document is not None


@pytest.mark.parametrize("of", ["sendMessage", "sendDocument"])
@pytest.mark.parametrize("fault", [faults.drop_after(), faults.reset()], ids=["done", "not done"])
async def test_a_lost_answer_leaves_neither_gap_nor_double(fault: Fault, of: str, post: Post) -> None:
    caption = {"text": "word " * 300 + "end", "entities": []}
    reply = post.reply("a.txt", "text/plain", b"x", body=caption)
    post.api.faults.plan(of, fault)
    with pytest.raises(NotReady):
        await post.send(reply)
    await post.send(replace(reply, repeated=True, note=post.client.notes[reply.id]))
    words, file = post.api.world.replies(post.alice.id)
    assert (words.text, file.content.shown_as) == (caption["text"], "document")


async def test_what_telegram_does_not_take_is_told_of(post: Post) -> None:
    caption = {"text": "see", "entities": []}
    reply = post.reply("big.bin", "application/octet-stream", b"x" * 2_000_000, body=caption)
    post.api.faults.plan("sendDocument", faults.answer(413, "<html>too large</html>"))
    [told] = await post.send(reply)
    assert told.text == "see\n\n⚠️ big.bin (2.0 MB) is too large for Telegram."
    assert reply.file is not None
    huge = replace(reply, id="huge", file=replace(reply.file, size=CLOUD_BYTES + 1))
    calls = len(post.api.calls.of("sendDocument"))
    [told] = await post.send(huge)
    assert told.text == "see\n\n⚠️ big.bin (50.0 MB) is too large for Telegram."
    assert len(post.api.calls.of("sendDocument")) == calls
    reply.file.path.unlink()
    [told] = await post.send(replace(reply, id="gone", body=None))
    assert told.text == "⚠️ Telegram does not take big.bin (2.0 MB)."


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://bot.example.org/media/7/big.bin?sign=1", "Скачать"),
        ("http://host:8700/media/7/big.bin?sign=1", "Скачать: http://host:8700/media/7/big.bin?sign=1"),
    ],
)
async def test_what_is_too_large_can_be_fetched_where_the_host_can_be_reached(url: str, shown: str, post: Post) -> None:
    caption = {"text": "see", "entities": [{"type": "bold", "offset": 0, "length": 3}]}
    reply = post.reply("big.bin", "application/octet-stream", b"x", body=caption)
    assert reply.file is not None
    huge = replace(reply.file, size=CLOUD_BYTES + 1, url=url)
    reply = replace(reply, file=huge, event=replace(post.event, locale="ru-RU"))
    assert "sign" not in repr(reply)
    [told] = await post.send(reply)
    assert told.text == f"see\n\n⚠️ big.bin (50.0 MB): для Telegram это слишком большой файл.\n{shown}"
    links = [one.argument for one in told.content.entities if one.type == "text_link"]
    assert links == ([url] if shown == "Скачать" else [])


async def test_a_long_caption_leaves_room_for_the_sentence_about_its_file(post: Post) -> None:
    caption = {"text": "a" * 4090, "entities": []}
    reply = post.reply("big.bin", "application/octet-stream", b"x", body=caption)
    assert reply.file is not None
    huge = replace(reply.file, size=CLOUD_BYTES + 1)
    words, told = await post.send(replace(reply, file=huge))
    assert (words.text, told.text) == (caption["text"], "⚠️ big.bin (50.0 MB) is too large for Telegram.")


async def test_a_file_takes_no_preview_over_but_lets_it_go(post: Post) -> None:
    [preview] = await post.send(Reply(id="p", event=post.event, kind="answer", body={"text": "so far", "entities": []}))
    note = {"chat": post.event.chat, "placed": preview.id}
    [sent] = await post.send(post.reply("a.txt", "text/plain", b"x", note=note))
    assert sent.content.document is not None
    assert preview.deleted


async def test_a_very_long_answer_is_its_beginning_and_a_document(post: Post) -> None:
    whole = "\n\n".join(f"{number} " + "word " * 780 for number in range(7)) + " **end**"
    bodies = post.surface.compose(whole)
    assert len(bodies) == 5
    sent: list[Sent] = []
    for number, body in enumerate(bodies):
        sent += await post.send(Reply(id=str(number), event=post.event, kind="answer", body=body))
    assert [one.text[:2] for one in sent] == ["0 ", "1 ", "2 ", "3 ", ""]
    document = sent[-1].content.document
    assert document is not None
    assert (document.name, document.data.decode()) == ("answer.md", whole)


async def test_a_large_file_is_read_piece_by_piece(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    opened = Path.open

    def watched(path: Path, mode: str = "r", **more: Any) -> Any:
        file = opened(path, mode, **more)
        if mode != "rb":
            return file
        inner = file.read

        class Watched:
            def read(self, size: int = -1) -> bytes:
                piece: bytes = inner(size)
                read.append(len(piece))
                return piece

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

        return Watched()

    reply = post.reply("a.bin", "application/octet-stream", b"x" * 3_000_000)
    monkeypatch.setattr(Path, "open", watched)
    [sent] = await post.send(reply)
    assert sent.content.document is not None
    assert len(sent.content.document.data) == sum(read) == 3_000_000
    assert max(read) < 200_000


# ── what people send ────────────────────────────────────────────────────────────────────────────────────────────────


def received(post: Post, data: bytes) -> Attachment:
    sent = post.api.world.send_file(post.alice, data, "a.bin")
    assert sent.content.document is not None
    return Attachment(name="a.bin", size=len(data), source={"file_id": sent.content.document.file_id})


async def test_a_file_is_fetched(post: Post, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    into = tmp_path / "into"
    attachment = received(post, data)
    await post.surface.fetch(attachment, post.event, into, at_most=len(data))
    assert into.read_bytes() == data
    with pytest.raises(TooLarge):
        await post.surface.fetch(attachment, post.event, into, at_most=len(data) - 1)
    unknown = replace(attachment, size=0)  # where the platform does not say: as soon as it is too much
    with pytest.raises(TooLarge):
        await post.surface.fetch(unknown, post.event, into, at_most=len(data) - 1)
    assert into.stat().st_size < len(data)


async def test_what_can_not_be_fetched(post: Post, tmp_path: Path) -> None:
    attachment = received(post, b"x" * 100)
    file_id = attachment.source["file_id"]

    async def fetch() -> None:
        await post.surface.fetch(attachment, post.event, tmp_path / "into", at_most=1000)

    post.api.faults.plan("getFile", faults.error(400, "Bad Request: file is too big"))
    with pytest.raises(TooLarge):
        await fetch()
    post.api.faults.plan("getFile", faults.too_many(7))
    with pytest.raises(NotReady) as waits:
        await fetch()
    assert waits.value.retry_after == 7
    post.api.faults.plan("getFile", faults.bad_gateway())
    with pytest.raises(NotReady):
        await fetch()
    stored = post.api.state.files[file_id]
    post.api.state.files[file_id] = replace(stored, path="documents/../elsewhere")
    with pytest.raises(Undeliverable):
        await fetch()
    del post.api.state.files[file_id]
    with pytest.raises(Undeliverable, match="gone"):
        await fetch()
    await post.api.away()
    with pytest.raises(NotReady):
        await fetch()
    await post.api.back()


@pytest.mark.parametrize(("mode", "at_most", "limit"), [("cloud", 45, 20), ("cloud", 10, 10), ("local", 45, 45)])
async def test_of_a_file_that_is_too_large_the_least_limit_is_told(
    mode: str, at_most: int, limit: int, post: Post, tmp_path: Path
) -> None:
    surface = post.desk.surface(post.bot, local_mode=mode == "local")
    film = Attachment(name="film.mkv", size=46_000_000)
    with pytest.raises(TooLarge) as refused:
        await surface.fetch(film, post.event, tmp_path / "film.mkv", at_most=at_most * 1_000_000)
    assert refused.value.limit == limit * 1_000_000


async def test_a_server_of_ones_own_shares_its_disk(desk: Desk, api: BotApi, post: Post, tmp_path: Path) -> None:
    surface = desk.surface("7000000001:AAHother", local_mode=True)
    await surface._bot.connect()
    attachment = Attachment(name="a", source={"file_id": "F"})
    there = tmp_path / "there"
    there.write_bytes(b"local")
    for path, wanted in (
        (str(there), None),
        (f"file://{there}", None),
        ("documents/a", Unreadable),
        (str(tmp_path), Unreadable),
        ("/no", Undeliverable),
    ):
        result = {"file_id": "F", "file_unique_id": "U", "file_path": path}
        api.faults.plan("getFile", faults.answer(200, {"ok": True, "result": result}))
        into = tmp_path / "into"
        fetching = surface.fetch(attachment, post.event, into, at_most=100)
        if wanted is None:
            await fetching
            assert into.read_bytes() == b"local"
        else:
            with pytest.raises(wanted):
                await fetching
    assert Upload.text("a", "b").size == 1
