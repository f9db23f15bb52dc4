"""Talking on the page: over its socket, with the real host and the real agent."""

import asyncio

from tests.web.conftest import OpenPage
from tests.web.pageclient import new_chat

from surfacehost_devkit.hostprocess import HostProcess


async def test_a_message_is_answered(host: HostProcess, page: OpenPage) -> None:
    alice = await page(host)
    assert await alice.ask("hello", new_chat()) == "echo: hello"


async def test_an_answer_grows_before_it_is_final(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    await alice.tell("open", chat=chat)
    id_ = await alice.say("/demo stream 12 0.08", chat)
    answer = await alice.answer_to(id_)

    previews = [frame for frame in alice.all("preview") if frame["to"] == id_]
    assert len(previews) > 4
    assert "text" in previews[0]
    assert all("add" in frame for frame in previews[1:])  # only what is new is sent
    grown = previews[0]["text"] + "".join(frame["add"] for frame in previews[1:])
    assert grown
    assert answer["text"].startswith(grown)
    assert alice.frames.index(previews[-1]) < alice.frames.index(answer)


async def test_the_page_is_told_that_an_answer_is_being_made(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    id_ = await alice.say("hello", chat)
    await alice.wait("typing", to=id_, on=False)
    assert [frame["on"] for frame in alice.all("typing")] == [True, False]


async def test_an_answer_comes_as_html_that_was_cleaned(host: HostProcess, page: OpenPage) -> None:
    alice = await page(host)
    answer = await alice.answer_to(await alice.say("**bold** <script>x</script> [x](javascript:y)", new_chat()))
    assert answer["html"].startswith("<p>echo: <strong>bold</strong> &lt;script&gt;")
    assert "<script" not in answer["html"]
    assert "<a" not in answer["html"]


async def test_conversations_are_apart(host: HostProcess, page: OpenPage) -> None:
    alice, one, other = await page(host), new_chat(), new_chat()
    await alice.ask("apples", one)
    await alice.ask("pears", other)
    remembered = await alice.ask("/demo memory", one)
    assert "apples" in remembered
    assert "pears" not in remembered
    threads = {(await alice.ask("/status", chat)).partition("`")[2] for chat in (one, other)}
    assert len(threads) == 2
    assert all(chat in "".join(threads) for chat in (one, other))


async def test_the_list_shows_first_words_and_the_latest_first(host: HostProcess, page: OpenPage) -> None:
    alice, one, other = await page(host), new_chat(), new_chat()
    await alice.ask("first things first", one)
    await alice.ask("x" * 100, other)
    await alice.ask("again", one)
    alice.forget_frames("chats")
    await alice.tell("chats")
    chats = (await alice.wait("chats"))["chats"]
    assert [chat["id"] for chat in chats] == [one, other]
    assert chats[0]["title"] == "first things first"
    assert chats[1]["title"] == "x" * 59 + "…"


async def test_a_page_that_returns_sees_what_was_said(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    await alice.ask("one", chat)
    await alice.ask("**two**", chat)
    await alice.leave()

    again = await page(host, alice.cookie)
    lines = await again.history(chat)
    assert [(line["who"], line["text"]) for line in lines] == [
        ("person", "one"), ("agent", "echo: one"), ("person", "**two**"), ("agent", "echo: **two**"),
    ]  # fmt: skip
    assert lines[3]["html"] == "<p>echo: <strong>two</strong></p>"
    assert (await again.wait("chats"))["chats"][0]["id"] == chat


async def test_an_answer_is_there_although_nobody_waited_for_it(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    id_ = await alice.say("/demo slow 0.5", chat)
    await alice.leave()
    again = await page(host, alice.cookie)
    if len(lines := await again.history(chat)) == 1:
        await again.answer_to(id_)
        lines = await again.history(chat)
    assert [line["text"] for line in lines] == ["/demo slow 0.5", "I waited 0.5 s."]


async def test_a_page_that_comes_in_the_middle_of_an_answer_sees_all_of_it(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    await alice.tell("open", chat=chat)
    id_ = await alice.say("/demo stream 15 0.1", chat)
    await alice.wait("preview", to=id_)
    later = await page(host, alice.cookie)
    await later.history(chat)
    answer = await later.answer_to(id_)
    shown = later.all("history")[0]["live"][id_]
    assert shown.startswith("word1")
    for preview in later.all("preview"):
        shown = preview.get("text", shown) + preview.get("add", "")
    assert answer["text"].startswith(shown)
    assert len(shown) > 60


async def test_every_page_of_a_person_sees_what_happens(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    other_tab = await page(host, alice.cookie)
    id_ = await alice.say("hello", chat)
    assert (await other_tab.wait("said", id=id_))["text"] == "hello"
    assert (await other_tab.answer_to(id_))["text"] == "echo: hello"


async def test_another_person_sees_nothing(host: HostProcess, page: OpenPage) -> None:
    alice, mallory, chat = await page(host), await page(host), new_chat()
    id_ = await alice.say("secret", chat)
    await alice.answer_to(id_)
    assert await mallory.history(chat) == []
    assert (await mallory.wait("chats"))["chats"] == []
    # The same ids said by someone else are another message in another conversation.
    assert await mallory.ask("mine", chat) == "echo: mine"
    await mallory.say("mine too", chat, id_)
    assert (await mallory.answer_to(id_))["text"] == "echo: mine too"
    assert "secret" not in await mallory.ask("/demo memory", chat)
    assert [frame["text"] for frame in alice.all("said")] == ["secret"]


async def test_the_same_message_twice_is_one_message(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    id_ = await alice.say("once", chat)
    await alice.answer_to(id_)
    alice.forget_frames("said")
    await alice.say("once", chat, id_)  # it is acknowledged again: the page may have missed the first time
    assert await alice.ask("then", chat) == "echo: then"
    texts = [line["text"] for line in await alice.history(chat)]
    assert texts == ["once", "echo: once", "then", "echo: then"]


async def test_the_same_message_from_two_pages_at_once_is_one_message(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    tabs = [await page(host, alice.cookie) for _ in range(4)]
    id_ = new_chat()
    await asyncio.gather(*(tab.say("once", chat, id_) for tab in tabs))
    await alice.answer_to(id_)
    await alice.ask("then", chat)
    texts = [line["text"] for line in await alice.history(chat)]
    assert texts == ["once", "echo: once", "then", "echo: then"]


async def test_a_conversation_is_erased(host: HostProcess, page: OpenPage) -> None:
    alice, chat, kept = await page(host), new_chat(), new_chat()
    await alice.ask("secret", chat)
    await alice.ask("kept", kept)
    await alice.tell("forget", chat=chat)
    await alice.wait("forgotten", chat=chat)
    assert await alice.history(chat) == []
    assert [line["text"] for line in await alice.history(kept)] == ["kept", "echo: kept"]
    again = await page(host, alice.cookie)
    assert [listed["id"] for listed in (await again.wait("chats"))["chats"]] == [kept]


async def test_an_answer_does_not_bring_an_erased_conversation_back(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    id_ = await alice.say("/demo slow 0.4", chat)
    await alice.wait("typing", to=id_, on=True)
    await alice.tell("forget", chat=chat)
    await alice.wait("typing", to=id_, on=False)
    assert alice.all("final") == []
    assert await alice.history(chat) == []


async def test_an_answer_can_be_stopped(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    await alice.tell("open", chat=chat)
    id_ = await alice.say("/demo stream 500 0.1", chat)
    await alice.wait("preview", to=id_)
    await alice.tell("stop", id=new_chat(), chat=chat)
    assert "stopped" in (await alice.answer_to(id_))["text"]
    texts = [line["text"] for line in await alice.history(chat)]
    assert texts[0] == "/demo stream 500 0.1"  # and no "/stop": nobody wrote it
    assert len(texts) == 2


async def test_a_question_is_a_prompt_and_is_answered_by_a_word(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    prompt = await alice.answer_to(await alice.say("/demo approve", chat))
    assert prompt["kind"] == "prompt"
    answer = await alice.answer_to(await alice.say("Да", chat))
    assert answer["kind"] == "answer"
    assert answer["text"] == "Deleted notes.txt."


async def test_an_error_is_a_notice_in_the_conversation(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    notice = await alice.answer_to(await alice.say("/demo error quota", chat))
    assert notice["kind"] == "notice"
    assert "credit" in notice["text"]
    assert [line["kind"] for line in await alice.history(chat) if line["who"] == "agent"] == ["notice"]


async def test_a_long_conversation_is_shown_in_pages(host: HostProcess, page: OpenPage) -> None:
    alice, chat = await page(host), new_chat()
    for number in range(30):
        await alice.ask(str(number), chat)
    last = await alice.history(chat)
    assert len(last) == 50
    assert alice.all("history")[0]["more"] is True
    earlier = await alice.history(chat, before=last[0]["n"])
    assert alice.all("history")[0]["more"] is False
    texts = [line["text"] for line in [*earlier, *last]]
    assert texts == [text for number in range(30) for text in (str(number), f"echo: {number}")]


async def test_a_question_that_nobody_answers_in_time_comes_to_its_end_on_the_page(
    host: HostProcess, page: OpenPage
) -> None:
    alice, chat = await page(host), new_chat()
    assert (await alice.ask("/demo approve notes.txt 1", chat)).startswith("Delete notes.txt?")
    assert (await alice.wait("final", to=""))["text"] == "Cancelled: notes.txt is kept."
    assert [line["who"] for line in await alice.history(chat)] == ["person", "agent", "agent"]
