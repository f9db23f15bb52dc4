"""Several conversations in one chat while answers to sends get lost: each is said once, whoever is tried first."""

from dataclasses import replace
from typing import Any

import pytest
from telegram.error import TelegramError
from tests.telegram.conftest import Post

from surfacehost import Message, Reply, Uncertain
from surfacehost_devkit.botapi import Chat, Fault, faults
from surfacehost_telegram.budget import ChatBudget
from surfacehost_telegram.letter import letters_of

pytestmark = pytest.mark.usefixtures("hurry")

CAME, DID_NOT = faults.drop_after(), faults.reset()


class Forum:
    """A forum with two topics, and what is to be said in each."""

    def __init__(self, post: Post) -> None:
        self.post = post
        groups = post.api.groups
        self.chat: Chat = groups.forum("Forum", post.alice)
        groups.add_bot(self.chat, post.alice, post.bot)
        self.first, self.second = (self._reply(name) for name in ("one", "two"))

    def _reply(self, name: str) -> Reply:
        topic = self.post.api.groups.open_topic(self.chat, self.post.alice, name)
        question = self.post.api.world.write(self.post.alice, "?", self.chat, topic=topic)
        event = Message(
            surface="tg", id=f"{self.chat.id}:{question.id}", chat=str(self.chat.id), topic=str(topic.thread_id),
            sender=str(self.post.alice.id), direct=False, text="?", native={"message_id": question.id},
        )  # fmt: skip
        return Reply(id=name, event=event, kind="answer", body={"text": name, "entities": []})

    async def send(self, reply: Reply, fault: Fault | None = None, **more: Any) -> None:
        """Send *reply* with what is known of it; *fault*: and nobody hears how that ends."""
        await self.post.surface._bot.connect()
        known = replace(reply, note=self.post.client.notes.get(reply.id), **more)
        if fault is None:
            await self.post.surface._sender.send(known, self.post.client)
            return
        self.post.api.faults.plan("sendMessage", fault)
        with pytest.raises(Uncertain):
            await self.post.surface._sender.send(known, self.post.client)

    @property
    def said(self) -> list[tuple[str, str]]:
        """The topic and the text of everything, in order."""
        return [(str(one.thread_id), one.text) for one in self.post.api.world.replies(self.chat)]

    def is_whole(self) -> bool:
        """Whether each answer is there once, in its topic."""
        return sorted(self.said) == sorted((one.event.topic, one.body["text"]) for one in (self.first, self.second))


@pytest.fixture
def forum(post: Post, monkeypatch: pytest.MonkeyPatch) -> Forum:
    monkeypatch.setattr(ChatBudget, "A_MINUTE", 100)  # looks count as well
    return Forum(post)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["at once", "after a restart"])
@pytest.mark.parametrize("is_first_first", [True, False], ids=["in order", "the later first"])
@pytest.mark.parametrize("ends", [(CAME, DID_NOT), (DID_NOT, CAME), (CAME, CAME), (DID_NOT, DID_NOT)])
async def test_of_two_that_are_in_doubt_each_comes_once(
    forum: Forum, ends: tuple[Fault, Fault], *, is_first_first: bool, is_restarted: bool
) -> None:
    pair = (forum.first, forum.second)
    for reply, fault in zip(pair, ends, strict=True):
        await forum.send(reply, fault)
    if is_restarted:
        forum.post.begin()
    for reply in pair if is_first_first else reversed(pair):
        await forum.send(reply, repeated=True)
    assert forum.is_whole(), forum.said


@pytest.mark.parametrize("is_restarted", [False, True], ids=["before it", "behind it"])
@pytest.mark.parametrize("fault", [CAME, DID_NOT], ids=["came", "did not"])
async def test_what_is_sent_behind_one_in_doubt_is_not_taken_for_it(
    forum: Forum, fault: Fault, *, is_restarted: bool
) -> None:
    await forum.send(forum.first, fault)
    if not is_restarted:
        forum.post.begin()
    await forum.send(forum.second)
    if is_restarted:
        forum.post.begin()
    await forum.send(forum.first, repeated=True)
    assert forum.is_whole(), forum.said


@pytest.mark.parametrize("fault", [CAME, DID_NOT], ids=["came", "did not"])
async def test_an_answer_is_not_put_over_another_for_a_lost_preview(forum: Forum, fault: Fault) -> None:
    preview = replace(forum.first, kind="preview", body={"text": "o…", "entities": []})
    [letter] = letters_of(preview, str(forum.chat.id), answers=None, most_bytes=0)
    await forum.post.surface._bot.connect()
    forum.post.api.faults.plan("sendMessage", fault)
    with pytest.raises(TelegramError):
        await forum.post.surface._sender.place(preview, letter, forum.post.client)
    with pytest.raises(TelegramError, match="on its way"):  # of another: decoration waits for no look
        await forum.post.surface._sender.place(replace(preview, id="two"), letter, forum.post.client)
    await forum.send(forum.second)
    forum.post.begin()
    await forum.send(forum.first)
    assert forum.is_whole(), forum.said


async def test_what_certainly_was_not_sent_is_looked_for_by_nobody(forum: Forum) -> None:
    refused = faults.error(403, "Forbidden: bot was kicked from the supergroup chat")
    forum.post.api.faults.plan("sendMessage", refused)
    with pytest.raises(Exception, match="does not take"):
        await forum.send(forum.first)
    await forum.send(forum.second)
    assert not forum.post.api.calls.of("editMessageReplyMarkup")
