"""Several files in one answer: which are shown as one, and what comes of them where that can't be."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from tests.telegram.conftest import Post
from tests.telegram.shown import SHOWN

from surfacehost import File, NotReady, Reply, Uncertain, Undeliverable
from surfacehost_devkit.botapi import Fault, faults
from surfacehost_devkit.botapi import Message as Sent
from surfacehost_devkit.fakes import FakeClient
from surfacehost_telegram import search
from surfacehost_telegram.budget import ChatBudget
from surfacehost_telegram.upload import CLOUD_BYTES

pytestmark = pytest.mark.usefixtures("hurry")

PHOTO, LONG, GIF, FILM, VOICE, SONG, PLAN = (SHOWN[number] for number in (0, 2, 4, 5, 6, 7, 8))


def several(post: Post, *files: tuple[str, str, bytes, str], **more: Any) -> Reply:
    """A reply that is all of *files*."""
    album = []
    for number, (_, mime_type, content, _) in enumerate(files):
        path = post.folder / f"stored {number}"
        path.write_bytes(content)
        album.append(File(path=path, name=f"{number}.x", mime_type=mime_type, size=len(content)))
    return Reply(
        id="several", event=post.event, kind="file", file=album[0], album=tuple(album), **{"body": None, **more}
    )


def shown(sent: Sequence[Sent]) -> list[list[str]]:
    """As what they are shown, those of one album together."""
    together = groupby(sent, lambda one: one.content.album or one.id)
    return [[one.content.shown_as if one.content.document else one.text for one in group] for _, group in together]


async def test_the_caption_is_that_of_the_first(post: Post) -> None:
    caption = {"text": "see here", "entities": [{"type": "bold", "offset": 0, "length": 3}]}
    sent = await post.send(several(post, PHOTO, FILM, PHOTO, PHOTO, SONG, body=caption))
    assert shown(sent) == [["photo", "video", "photo", "photo"], ["audio"]]
    assert [one.text for one in sent] == ["see here", "", "", "", ""]
    assert [mark.type for one in sent for mark in one.entities] == ["bold"]


async def test_an_album_is_no_larger_than_a_request_may_be(post: Post) -> None:
    reply = several(post, *[PLAN] * 4)
    half = CLOUD_BYTES // 2
    large = tuple(replace(one, size=size) for one, size in zip(reply.album, [half, half, half, 1], strict=True))
    assert shown(await post.send(replace(reply, album=large))) == [["document"] * 2, ["document"] * 2]
    larger = (large[3], replace(large[0], size=CLOUD_BYTES + 1), *large[2:])
    sent = await post.send(replace(reply, id="larger", album=larger))
    assert shown(sent) == [["document"], ["⚠️ 0.x (50.0 MB) is too large for Telegram."], ["document"] * 2]
    post.api.faults.plan("sendMediaGroup", faults.answer(413, "<html>too large</html>"))
    assert shown(await post.send(replace(reply, id="again"))) == [["document"]] * 4


@pytest.mark.parametrize("reason", ["MEDIA_INVALID", "DOCUMENT_INVALID", "VIDEO_CONTENT_TYPE_INVALID", "no such words"])
async def test_one_that_is_refused_in_any_words_takes_no_other_along(reason: str, post: Post) -> None:
    refusal = faults.error(400, f"Bad Request: {reason}")
    post.api.faults.plan("sendMediaGroup", refusal)
    post.api.faults.plan("sendVideo", refusal)
    post.api.faults.plan("sendDocument", refusal)
    sent = await post.send(several(post, PHOTO, FILM, PHOTO))
    assert shown(sent) == [["photo"], ["⚠️ Telegram does not take 1.x (0.0 kB)."], ["photo"]]


@pytest.mark.parametrize("reason", ["not enough rights to send videos to the chat", "CHAT_SEND_VIDEOS_FORBIDDEN"])
async def test_a_chat_that_takes_no_files_is_not_asked_again_for_each_form(reason: str, post: Post) -> None:
    post.api.faults.plan("sendVideo", faults.error(400, f"Bad Request: {reason}"))
    with pytest.raises(Undeliverable):
        await post.send(several(post, FILM, VOICE))
    assert len(post.api.calls.of("sendVideo")) == 1
    assert post.api.calls.of("sendDocument") == []


async def test_where_its_topic_is_gone_it_goes_to_the_chat_and_says_so(post: Post) -> None:
    team = post.team()
    team.is_forum = True
    reply = several(post, PHOTO, PHOTO)
    await post.send(replace(reply, event=replace(post.event, chat=str(team.id), topic="77", direct=False)))
    [one, other] = post.api.world.replies(team)
    assert (one.content.album, one.thread_id) == (other.content.album, None)
    assert one.text.startswith("(The topic was deleted or closed")


async def test_one_that_is_gone_from_the_disk_takes_no_other_along(post: Post) -> None:
    reply = several(post, PHOTO, PHOTO, PHOTO)
    reply.album[1].path.unlink()
    assert shown(await post.send(reply)) == [["photo"], ["⚠️ Telegram does not take 1.x (0.0 kB)."], ["photo"]]


@pytest.mark.parametrize("way", ["together", "apart"])
async def test_a_preview_goes_once_the_files_are_there(way: str, post: Post) -> None:
    [preview] = await post.send(Reply(id="p", event=post.event, kind="answer", body={"text": "so far", "entities": []}))
    if way == "apart":
        post.api.faults.plan("sendMediaGroup", faults.error(400, "Bad Request: group send failed"))
    note = {"chat": post.event.chat, "placed": preview.id}
    sent = await post.send(several(post, PHOTO, PHOTO, note=note))
    assert shown(sent) == ([["photo"], ["photo"]] if way == "apart" else [["photo"] * 2])
    assert preview.deleted


LACKING = 'Bad Request: failed to send message #2 with the error message "Message was not sent"'

DOUBTS: dict[str, tuple[str, int, Fault]] = {
    "the second album": ("sendMediaGroup", 1, faults.drop_after()),
    "the second album, not there": ("sendMediaGroup", 1, faults.reset()),
    "one between them": ("sendVoice", 0, faults.drop_after()),
    "one between them, not there": ("sendVoice", 0, faults.reset()),
    "the one at the end": ("sendAudio", 0, faults.drop_after()),
    "part of an album, perhaps": ("sendMediaGroup", 0, faults.error(400, LACKING, acts=True)),
}


@pytest.mark.parametrize(("method", "earlier", "fault"), DOUBTS.values(), ids=DOUBTS)
async def test_what_is_in_doubt_comes_once(method: str, earlier: int, fault: Fault, post: Post) -> None:
    reply = several(post, *[PHOTO] * 9, VOICE, PLAN, PLAN, SONG)
    for _ in range(earlier):
        post.api.faults.plan(method, faults.delay(0))
    post.api.faults.plan(method, fault)
    with pytest.raises(NotReady):
        await post.send(reply)
    post.begin()
    await post.send(replace(reply, repeated=True, note=post.client.notes[reply.id]))
    sent = post.api.world.replies(post.alice.id)
    assert shown(sent) == [["photo"] * 9, ["voice"], ["document"] * 2, ["audio"]]


@pytest.mark.parametrize("known", [0, 2, 3])
async def test_after_a_restore_what_follows_is_not_taken_for_what_has_arrived(known: int, post: Post) -> None:
    """The copy tells nothing of the *known* messages that had arrived; a look for what follows them is broken off."""
    reply = several(post, PHOTO, PHOTO, VOICE, PLAN)
    methods = {0: "sendMediaGroup", 2: "sendVoice", 3: "sendDocument"}
    post.api.faults.plan(methods[known], faults.too_many(300))
    with pytest.raises(NotReady):
        await post.send(reply)
    assert len(post.api.world.replies(post.alice.id)) == known
    post.client.notes.clear()
    post.desk.memory.values.clear()
    post.begin(restored_at=time.time())
    post.api.faults.plan("editMessageReplyMarkup", faults.delay(0), times=4)
    post.api.faults.plan("editMessageReplyMarkup", faults.reset())
    restored = replace(reply, repeated=True)
    with pytest.raises(Uncertain):
        await post.send(restored)
    await post.send(replace(restored, note=post.client.notes.get(reply.id)))
    assert shown(post.api.world.replies(post.alice.id)) == [["photo"] * 2, ["voice"], ["document"]]


async def test_what_arrived_does_not_come_again_where_what_follows_could_not_be_tried(post: Post) -> None:
    reply = several(post, PHOTO, PHOTO, VOICE)

    class Full(FakeClient):
        async def note(self, reply: Reply, value: Any, *, notes: Mapping[str, Any] | None = None) -> None:
            if value.get("part"):
                raise NotReady("the disk is full")
            await super().note(reply, value, notes=notes)

    post.client = Full(post.surface, memory=post.desk.memory)
    with pytest.raises(NotReady) as failed:
        await post.send(reply)
    notes, post.client = post.client.notes, FakeClient(post.surface, memory=post.desk.memory)
    await post.send(replace(reply, repeated=isinstance(failed.value, Uncertain), note=notes[reply.id]))
    assert shown(post.api.world.replies(post.alice.id)) == [["photo"] * 2, ["voice"]]


async def test_others_talk_in_the_middle_of_an_album(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ids are then not behind each other, and what comes next is not taken for the last of it."""
    monkeypatch.setattr(ChatBudget, "A_MINUTE", 100)
    team = post.team()
    reply = several(post, *[PHOTO] * 9)
    reply = replace(reply, event=replace(post.event, chat=str(team.id), direct=False))
    post.api.faults.plan("sendMediaGroup", faults.drop_after())
    with pytest.raises(NotReady):
        await post.send(reply)
    *_, last = sorted(team.messages)
    lost = team.messages.pop(last)  # the last of it came behind what bob wrote
    post.api.world.write(post.alice, "/noise", team)
    lost.id = team.last_message_id = last + 2
    team.messages[lost.id] = lost
    await post.send(replace(reply, repeated=True, note=post.client.notes[reply.id]))
    post.api.faults.plan("sendPhoto", faults.reset())
    after = replace(reply, id="after", album=(), note=None)
    with pytest.raises(NotReady):
        await post.send(after)
    await post.send(replace(after, repeated=True, note=post.client.notes["after"]))
    assert len(post.api.world.replies(team)) == 10


async def test_large_files_are_given_longer_to_arrive(post: Post) -> None:
    """From when the process died: for how long they had been on their way nobody knows."""
    reply = several(post, PLAN, PLAN)
    reply = replace(reply, album=tuple(replace(one, size=20_000_000) for one in reply.album))
    post.api.faults.plan("sendMediaGroup", faults.drop_after())
    with pytest.raises(NotReady):
        await post.send(reply)
    note = post.client.notes[reply.id]
    begun = time.time()
    await post.send(replace(reply, repeated=True, note=note | {"at": note["at"] - 90}))
    looked = post.api.calls.of("editMessageReplyMarkup")[0]
    assert looked.started > begun + 4.9 * search.GRACE_S


@pytest.mark.parametrize("refused", ["sendPhoto", "sendDocument"])
async def test_files_that_come_one_by_one_do_so_after_a_crash(refused: str, post: Post) -> None:
    reply = several(post, PHOTO, LONG, PHOTO, FILM)
    post.api.faults.plan(refused, faults.drop_after())
    with pytest.raises(NotReady):
        await post.send(reply)
    post.begin()
    post.api.faults.plan("sendVideo", faults.reset())
    with pytest.raises(NotReady):
        await post.send(replace(reply, repeated=True, note=post.client.notes[reply.id]))
    await post.send(replace(reply, repeated=True, note=post.client.notes[reply.id]))
    sent = post.api.world.replies(post.alice.id)
    assert shown(sent) == [["photo"], ["document"], ["photo"], ["video"]]
    assert len(post.api.calls.of("sendMediaGroup")) == 1


async def test_what_is_lost_is_found_behind_albums_of_other_chats(post: Post) -> None:
    """They were under way when the process ended, and nobody has told the next one of their ids."""
    bob = post.api.world.person("Bob")
    post.api.world.private_chat(bob).started = True
    album = several(post, *[PHOTO] * 10)
    theirs = replace(album, id="theirs", event=replace(post.event, chat=str(bob.id), sender=str(bob.id)))
    words = Reply(id="words", event=post.event, kind="answer", body={"text": "words", "entities": []})
    post.api.faults.plan(f"sendMediaGroup {bob.id}", faults.drop_after())
    with pytest.raises(NotReady):
        await post.send(theirs)
    post.api.faults.plan("sendMessage", faults.drop_after())
    with pytest.raises(NotReady):
        await post.send(words)
    post.begin()
    for reply in (words, theirs):
        await post.send(replace(reply, repeated=True, note=post.client.notes[reply.id]))
    assert [one.text for one in post.api.world.replies(post.alice.id)] == ["words"]
    assert shown(post.api.world.replies(bob.id)) == [["photo"] * 10]


async def test_where_files_are_gone_when_it_goes_on_the_sentence_about_them_is_said(post: Post) -> None:
    reply = several(post, *[VOICE] * 3)
    post.api.faults.plan("sendVoice", faults.delay(0))
    post.api.faults.plan("sendVoice", faults.reset())
    with pytest.raises(NotReady):
        await post.send(reply)
    gone = Reply(id=reply.id, event=post.event, kind="notice", body={"text": "gone", "entities": []}, repeated=True)
    await post.send(replace(gone, note=post.client.notes[reply.id]))
    assert shown(post.api.world.replies(post.alice.id)) == [["voice"], ["gone"]]


def left(reply: Reply, *gone: int) -> Reply:
    """As the host makes it when those files are *gone*: without them, and with a sentence about them."""
    album = tuple(file for number, file in enumerate(reply.album) if number not in gone)
    told = {"text": "gone: " + " ".join(map(str, gone)), "entities": []}
    return replace(reply, file=album[0], album=album if album[1:] else (), body=told, repeated=True)


LOST, UNHEARD = faults.reset(), faults.drop_after()

GONE: dict[str, tuple[str, Fault, tuple[int, ...], list[str]]] = {
    "one that had arrived": ("sendDocument", LOST, (0,), ["voice", "document", "animation", "voice"]),
    "the same, unheard": ("sendDocument", UNHEARD, (0,), ["voice", "document", "animation", "voice"]),
    "one to come": ("sendDocument", UNHEARD, (2,), ["voice", "document", "voice", "gone: 2"]),
    "the one in doubt": ("sendDocument", LOST, (1,), ["voice", "animation", "voice", "gone: 1"]),
    "that and one before": ("sendDocument", LOST, (0, 1), ["voice", "animation: gone: 0 1", "voice"]),
    "all to come": ("sendDocument", LOST, (1, 2, 3), ["voice", "gone: 1 2 3"]),
    "the first, in doubt": ("sendVoice", LOST, (0,), ["document: gone: 0", "animation", "voice"]),
}


@pytest.mark.parametrize(("method", "fault", "gone", "comes"), GONE.values(), ids=GONE)
async def test_files_gone_from_the_disk_after_a_crash_take_no_other_along(
    method: str, fault: Fault, gone: Sequence[int], comes: list[str], post: Post
) -> None:
    reply = several(post, VOICE, PLAN, GIF, VOICE)
    post.api.faults.plan(method, fault)
    with pytest.raises(NotReady):
        await post.send(reply)
    post.begin()
    await post.send(replace(left(reply, *gone), note=post.client.notes[reply.id]))
    sent = post.api.world.replies(post.alice.id)
    shown_as = [(one.content.shown_as if one.content.document else "", one.text) for one in sent]
    assert [": ".join(filter(None, both)) for both in shown_as] == comes


@pytest.mark.parametrize(("fault", "first"), [(UNHEARD, 10), (LOST, 9)], ids=["done", "not done"])
async def test_an_album_in_doubt_is_looked_for_also_without_a_file_that_is_gone(
    fault: Fault, first: int, post: Post
) -> None:
    reply = several(post, *[PHOTO] * 12, VOICE)
    post.api.faults.plan("sendMediaGroup", fault)
    with pytest.raises(NotReady):
        await post.send(reply)
    post.begin()
    await post.send(replace(left(reply, 0), note=post.client.notes[reply.id]))
    assert shown(post.api.world.replies(post.alice.id)) == [["photo"] * first, ["photo"] * 2, ["voice"]]


async def test_a_sentence_about_files_that_are_gone_is_looked_for_as_well(post: Post) -> None:
    reply = several(post, VOICE, PLAN)
    post.api.faults.plan("sendDocument", faults.reset())
    with pytest.raises(NotReady):
        await post.send(reply)
    post.api.faults.plan("sendMessage", faults.drop_after())
    for ending in (pytest.raises(NotReady), nullcontext()):
        with ending:
            await post.send(replace(left(reply, 1), note=post.client.notes[reply.id]))
    assert shown(post.api.world.replies(post.alice.id)) == [["voice"], ["gone: 1"]]
