"""The page as people have it: in a browser. Pictures of it go to artefacts/ for a person to look at."""

import asyncio
import base64
import re

import playwright.async_api as playwright
import pytest
from playwright.async_api import expect
from tests.conversation.listener import Listener
from tests.web.conftest import ARTEFACTS, Visit

from platform_agent.showcase import sound
from surfacehost_devkit.hostprocess import HostProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""

LOST = ["ERR_CONNECTION_REFUSED", "WebSocket connection"]
"""What the browser itself says while the host is away."""


async def say(tab: playwright.Page, text: str) -> None:
    await tab.locator("#text").fill(text)
    await tab.locator("#send").click()


async def picture(tab: playwright.Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    await tab.screenshot(path=ARTEFACTS / f"web-{name}.png")


async def has_sideways_scroll(tab: playwright.Page) -> bool:
    wide: bool = await tab.evaluate(
        "() => [document.documentElement, document.querySelector('#scroll')]"
        ".some(node => node.scrollWidth > node.clientWidth)"
    )
    return wide


async def test_a_conversation_from_the_first_word_to_a_reload(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await expect(tab.get_by_text("What shall we talk about?")).to_be_visible()
    await expect(tab.locator("#text")).to_be_focused()
    await picture(tab, "empty")

    await tab.keyboard.type("/demo stream 30 0.05")
    await tab.keyboard.press("Enter")
    growing = tab.locator(".growing .plain")
    await expect(growing).to_contain_text("word2")
    await expect(tab.locator("#send")).to_have_accessible_name("Stop the answer")
    await picture(tab, "growing")
    await expect(tab.locator("#lines .agent .formatted")).to_contain_text("word30")
    await expect(growing).to_have_count(0)

    await tab.keyboard.type("/demo markdown")
    await tab.keyboard.press("Enter")
    answer = tab.locator("#lines .agent .formatted").nth(1)
    await expect(answer.locator("h1")).to_have_text("Heading")
    await expect(answer.locator("table")).to_be_visible()
    await picture(tab, "formatted-end")
    await answer.locator("h1").scroll_into_view_if_needed()
    await picture(tab, "formatted")

    before = await tab.locator("#lines").inner_text()
    await tab.reload()
    await expect(tab.locator("#lines .agent .formatted")).to_have_count(2)
    assert await tab.locator("#lines").inner_text() == before


async def test_several_conversations(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await say(tab, "Apples and how to keep them over the winter")
    await expect(tab.locator("#lines .agent")).to_contain_text("echo: Apples")
    await tab.get_by_role("button", name="New conversation").click()
    await expect(tab.locator("#empty")).to_be_visible()
    await say(tab, "Pears")
    await expect(tab.locator("#lines .agent")).to_contain_text("echo: Pears")
    chats = tab.locator("#chat-list .chat")
    await expect(chats).to_have_text(["Pears", "Apples and how to keep them over the winter"])
    await picture(tab, "several")

    await chats.nth(1).click()
    await expect(tab.locator("#lines")).to_contain_text("Apples")
    await expect(tab.locator("#lines")).not_to_contain_text("Pears")
    await expect(tab.locator("h1")).to_have_text("Apples and how to keep them over the winter")
    await tab.go_back()
    await expect(tab.locator("#lines")).to_contain_text("echo: Pears")

    await tab.get_by_role("button", name="Delete “Pears”").click()
    await expect(tab.get_by_role("dialog")).to_contain_text("Delete this conversation?")
    await picture(tab, "delete")
    await tab.get_by_role("button", name="Delete", exact=True).click()
    await expect(chats).to_have_text(["Apples and how to keep them over the winter"])
    await expect(tab.locator("#lines")).to_contain_text("echo: Apples")


async def test_an_answer_that_comes_while_one_looks_elsewhere(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await say(tab, "/demo slow 1")
    await expect(tab.locator(".growing .dots")).to_be_visible()
    await tab.get_by_role("button", name="New conversation").click()
    await expect(tab.locator("#chat-list .chat")).to_contain_text("New answer")
    await picture(tab, "elsewhere")
    await tab.locator("#chat-list .chat").click()
    await expect(tab.locator("#lines .agent")).to_contain_text("I waited 1 s.")
    await expect(tab.locator("#chat-list .chat")).to_have_text("/demo slow 1")


async def test_a_restart_of_the_host_heals_by_itself(own_host: HostProcess, visit: Visit) -> None:
    tab = await visit(own_host.address, may_say=LOST)
    await say(tab, "before")
    await expect(tab.locator("#lines .agent")).to_contain_text("echo: before")
    own_host.kill()
    await say(tab, "meanwhile")
    await expect(tab.locator("#connection")).to_contain_text("Trying again")
    await expect(tab.locator(".unsent .note")).to_be_visible()
    await picture(tab, "away")
    own_host.start()
    await expect(tab.locator("#lines .agent .formatted")).to_have_text(["echo: before", "echo: meanwhile"])
    await expect(tab.locator("#connection")).to_be_hidden()
    await expect(tab.locator(".unsent")).to_have_count(0)
    await tab.reload()
    await expect(tab.locator(".line .plain, .line .formatted")).to_have_text(
        ["before", "echo: before", "meanwhile", "echo: meanwhile"]
    )


async def test_what_was_not_sent_survives_closing_the_page(own_host: HostProcess, visit: Visit) -> None:
    tab = await visit(own_host.address, may_say=LOST)
    await say(tab, "before")
    await expect(tab.locator("#lines .agent")).to_contain_text("echo: before")
    own_host.kill()
    await say(tab, "meanwhile")
    address = tab.url
    await tab.close()
    own_host.start()
    later = await tab.context.new_page()
    await later.goto(address)
    await expect(later.locator("#lines .agent .formatted")).to_have_text(["echo: before", "echo: meanwhile"])


async def test_on_a_phone(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address, **PHONE)
    await picture(tab, "phone-empty")
    assert not await has_sideways_scroll(tab)
    await say(tab, "/demo markdown")
    await expect(tab.locator("#lines .agent table")).to_be_visible()
    await say(tab, "/demo long 3000 code")
    await expect(tab.locator("#lines .agent .formatted")).to_have_count(2)
    await picture(tab, "phone")
    assert not await has_sideways_scroll(tab)
    box = await tab.locator("#composer").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["y"] + box["height"] <= 740

    await tab.get_by_role("button", name="Conversations").tap()
    await expect(tab.locator("#chat-list .chat")).to_be_in_viewport()
    await tab.wait_for_function("() => document.querySelector('#chats').getBoundingClientRect().left === 0")
    await picture(tab, "phone-list")
    await tab.locator("#chats").get_by_role("button", name="New conversation").tap()
    await expect(tab.locator("#empty")).to_be_visible()
    assert not await has_sideways_scroll(tab)


async def test_with_the_keyboard_alone(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await expect(tab.locator("#text")).to_be_focused()
    await tab.keyboard.type("one")
    await tab.keyboard.press("Shift+Enter")
    await tab.keyboard.type("two")
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".person .plain")).to_have_text("one\ntwo")
    await expect(tab.locator("#lines .agent .formatted")).to_have_count(1)
    names = []
    await tab.locator("body").focus()
    for _ in range(8):
        await tab.keyboard.press("Tab")
        names.append(await tab.evaluate("() => document.activeElement.ariaLabel || document.activeElement.textContent"))
    listed = [name.strip() for name in names]
    for wanted in ("New conversation", "one two", "Delete “one two”", "Message"):
        assert wanted in listed


async def test_a_question_is_answered_with_a_button(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await say(tab, "/demo approve")
    await expect(tab.locator(".prompt")).to_be_visible()
    await picture(tab, "prompt")
    await tab.get_by_role("button", name="Approve", exact=True).click()
    await expect(tab.locator("#lines .agent").nth(1)).to_have_text(re.compile("Deleted notes.txt"))
    await expect(tab.locator(".choices")).to_have_count(0)
    await expect(tab.locator("#lines .agent").nth(0)).to_contain_text("✅ Approve")  # what it came to, in its place
    await tab.reload()
    await expect(tab.locator("#lines .decided")).to_contain_text("✅ Approve")


async def test_every_choice_of_a_question_has_a_button_also_after_a_restart(
    own_host: HostProcess, visit: Visit
) -> None:
    async with Listener.serve() as agent:
        settings = (own_host.folder / "settings.toml").read_text()
        own_host.kill()
        own_host.configure(f'{settings}[agent]\nembedded = false\nurl = "{agent.url}"\n')
        await asyncio.to_thread(own_host.start)
        tab = await visit(own_host.address, may_say=LOST)
        await say(tab, "choose for me")
        buttons = tab.locator(".prompt .choices button")
        await expect(buttons).to_have_text(["small", "large", "very large indeed"])
        await picture(tab, "choices")
        own_host.kill()
        await asyncio.to_thread(own_host.start)
        await tab.reload()
        await buttons.nth(2).click()
        await expect(tab.locator("#lines .decided")).to_contain_text("3️⃣ very large indeed")
        await expect(tab.locator("#lines .agent").nth(2)).to_contain_text('heard: {"size": "very large indeed"}')
        await expect(buttons).to_have_count(0)


async def test_what_is_begun_stays_begun(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    held: list[playwright.WebSocketRoute] = []

    def hold(socket: playwright.WebSocketRoute) -> None:  # the host seems slow: nothing comes
        held.append(socket)

    await tab.route_web_socket("**/socket", hold)
    await tab.goto(f"{host.address}/chat/")
    await tab.locator("#text").fill("written early")
    held[0].send('{"type":"chats","chats":[]}')
    await expect(tab.locator("#empty")).to_be_hidden()
    await tab.wait_for_url("**/chat/#*")
    await expect(tab.locator("#text")).to_have_value("written early")
    await tab.get_by_role("button", name="New conversation").click()
    await expect(tab.locator("#text")).to_have_value("")
    await tab.go_back()
    await expect(tab.locator("#text")).to_have_value("written early")


async def test_an_answer_is_stopped(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await say(tab, "/demo stream 500 0.1")
    await expect(tab.locator(".growing .plain")).to_contain_text("word2")
    await tab.get_by_role("button", name="Stop the answer").click()
    await expect(tab.locator("#lines .agent.notice")).to_contain_text("stopped")


async def test_in_russian_and_in_the_dark(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address, locale="ru-RU", color_scheme="dark")
    await expect(tab.get_by_text("О чём поговорим?")).to_be_visible()  # noqa: RUF001 - Russian
    assert await tab.evaluate("() => document.documentElement.lang") == "ru"
    await picture(tab, "russian-empty")
    await tab.get_by_role("button", name="что я понимаю").click()
    await expect(tab.locator("#lines .agent")).to_contain_text("Просто")
    await say(tab, "/demo markdown")
    await expect(tab.locator("#lines .agent table")).to_be_visible()
    await picture(tab, "russian-dark")
    background = await tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(25, 24, 23)"


async def test_both_languages_have_the_same_words(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    keys = await tab.evaluate(
        "async () => { const { languages } = await import('./words.js');"
        " return Object.values(languages).map(words => Object.keys(words).sort()); }"
    )
    assert keys[0] == keys[1]
    assert len(keys[0]) > 20


async def test_markup_in_an_answer_stays_words(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    await say(tab, "<img src=x onerror=alert(1)> [x](javascript:alert(1)) https://example.org/a?b=c.")
    answer = tab.locator("#lines .agent .formatted")
    await expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    assert await answer.locator("img").count() == 0
    link = answer.locator("a")
    await expect(link).to_have_count(1)
    await expect(link).to_have_attribute("href", "https://example.org/a?b=c")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


async def test_the_page_runs_nothing_that_is_inline(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address, may_say=["Content Security Policy"])
    ran = await tab.evaluate(
        "() => { const node = document.createElement('script'); node.textContent = 'window.ran = true';"
        " document.body.append(node); return window.ran === true; }"
    )
    assert ran is False


async def test_files_go_both_ways(host: HostProcess, visit: Visit) -> None:
    tab = await visit(host.address)
    png = base64.b64decode(PIXEL)
    files: list[playwright.FilePayload] = [
        {"name": "dot.png", "mimeType": "image/png", "buffer": png},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"},
    ]
    await tab.locator("#picker").set_input_files(files)
    await expect(tab.locator("#files li:not(.under-way)")).to_have_count(2)
    await picture(tab, "files-chosen")
    await tab.get_by_role("button", name="Remove this file").nth(1).click()
    await say(tab, "what is this?")
    await expect(tab.locator("#files")).to_be_hidden()
    answer = tab.locator("#lines .agent .formatted")
    await expect(answer).to_contain_text(f"attachment: image dot.png (image/png, {len(png)} bytes)")
    shown = tab.locator("#lines .person img")
    await expect(shown).to_have_js_property("naturalWidth", 1)

    await say(tab, "/demo file image")
    square = tab.locator("#lines .agent img")
    await expect(square).to_have_js_property("naturalWidth", 64)
    await say(tab, "/demo file text 13")
    link = tab.locator("#lines .agent a.file", has_text="hello.txt")
    async with tab.expect_download() as download:
        await link.click()
    saved = await (await download.value).path()
    assert saved.read_bytes() == b"Hello, file!\n"
    await say(tab, "/demo file sound 0 a *beep*")
    beep = tab.locator("#lines .agent figure.file audio")
    await expect(beep).to_have_js_property("readyState", 4)
    assert await beep.evaluate("audio => audio.duration") == 1
    await expect(tab.locator("#lines .agent .formatted em")).to_have_text("beep")
    async with tab.expect_download() as download:
        await tab.locator("#lines .agent figure.file a", has_text="beep.wav").click()
    saved = await (await download.value).path()
    assert saved.read_bytes() == sound()
    await picture(tab, "files")
    await tab.reload()
    await expect(beep).to_have_js_property("readyState", 4)
    await expect(square).to_have_js_property("naturalWidth", 64)
    await expect(shown).to_have_js_property("naturalWidth", 1)
