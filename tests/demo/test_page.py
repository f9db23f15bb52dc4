"""The demo as a person sees it: one page, three conversations, and what the host does with each message."""

import json
import re
import signal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect
from tests.demo.demoprocess import DemoProcess
from tests.demo.visitor import COLUMNS, PATIENCE_MS, SETTLED, Visitor
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

pytestmark = pytest.mark.timeout(240)
ARTEFACTS = Path(__file__).parents[2] / "artefacts"


def test_every_conversation_has_begun_before_anybody_wrote(visitor: Visitor) -> None:
    visitor.hear("matrix", "Hello!")
    visitor.hear("web", "Hello from the web!")
    expect(visitor.column("telegram").locator(".bubble.agent")).to_have_count(1)
    visitor.wait_all_up()


def test_a_person_chats_on_all_three(visitor: Visitor) -> None:
    for column in COLUMNS:
        visitor.say(column, f"written on {column}")
    for column in COLUMNS:
        visitor.hear(column, f"echo: written on {column}")
        expect(visitor.page.get_by_text(f"echo: written on {column}")).to_have_count(1)


def test_each_message_s_way_is_shown(visitor: Visitor) -> None:
    for column in COLUMNS:
        visitor.ask(column, f"what way from {column}?")
        visitor.wait_settled(f"what way from {column}?")
        legs = visitor.way(f"what way from {column}?").locator(".leg")
        assert [(leg.get_attribute("class") or "").split()[-1] for leg in legs.all()] == SETTLED
        bubble = visitor.said(column, f"what way from {column}?", who="person")
        expect(bubble.locator(".track i.on")).to_have_count(6)
        assert bubble.locator(".track span").inner_text().endswith((" ms", " s"))


def test_rooms_are_conversations_of_their_own(visitor: Visitor) -> None:
    matrix = visitor.column("matrix")
    matrix.get_by_role("button", name="Ideas").click()
    visitor.ask("matrix", "an idea")
    expect(visitor.said("matrix", "an idea").first).to_be_visible()
    matrix.get_by_role("button", name="General").click()
    expect(visitor.said("matrix", "an idea").first).to_be_hidden()


def test_formatting_is_shown_in_each_platform_s_own_way(visitor: Visitor) -> None:
    for column in COLUMNS:
        visitor.column(column).locator("[data-say='/demo markdown']").click()
    for column in COLUMNS:
        answer = visitor.said(column, "A paragraph with")
        expect(answer.locator("b, strong").first).to_have_text(
            "Heading" if column == "telegram" else "bold", timeout=PATIENCE_MS
        )
        expect(answer.locator("pre").first).to_contain_text("def greet")
        expect(answer).to_contain_text("<b>HTML is text here</b>")
        expect(answer.get_by_role("link", name="link")).to_have_attribute("href", "https://example.org/a_b?c=d&e=f")
    expect(visitor.column("matrix").locator("table")).to_have_count(1)
    expect(visitor.column("web").locator("table")).to_have_count(1)


HOSTILE = (
    '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script><b onclick="window.hurt=1">bold</b>'
    '<a href="javascript:window.hurt=1">a</a><a href="https://example.org/">b</a><h1 style="color:red">title</h1>'
    "<style>*{}</style><mx-reply>quoted</mx-reply><svg/onload=window.hurt=1><style>*{}</style><p>end"
)
HARMLESS = (
    '<b>bold</b><a>a</a><a href="https://example.org/" target="_blank" rel="noopener noreferrer nofollow">b</a>'
    "<h1>title</h1><p>end</p>&lt;i&gt;x&lt;/i&gt; <a>y</a>"
)


def test_html_from_outside_can_do_nothing(browser: Browser, demo: DemoProcess) -> None:
    page = browser.new_page()
    page.goto(demo.address)
    made = page.evaluate(
        """async (html) => {
            const { fromHtml, fromEntities } = await import("/rich.js");
            const link = { type: "text_link", offset: 9, length: 1, url: "javascript:window.hurt=1" };
            const shown = document.createElement("div");
            shown.append(fromHtml(html), fromEntities("<i>x</i> y", [link]));
            document.body.append(shown);
            for (const one of shown.querySelectorAll("*")) one.click();
            return [shown.innerHTML, window.hurt ?? 0];
        }""",
        HOSTILE,
    )
    page.close()
    assert made == [HARMLESS, 0]


def test_an_answer_grows_before_it_is_whole(visitor: Visitor) -> None:
    visitor.say("web", "/demo stream 25 0.1")
    expect(visitor.column("web").locator(".live")).to_contain_text("word3", timeout=PATIENCE_MS)
    visitor.hear("web", "word25")
    expect(visitor.column("web").locator(".live")).to_have_count(0)


def test_typing_is_shown(visitor: Visitor) -> None:
    for column in COLUMNS:
        visitor.say(column, "/demo slow 6")
        expect(visitor.column(column).locator(".dots")).to_be_visible(timeout=PATIENCE_MS)
    for column in COLUMNS:
        visitor.hear(column, "I waited 6 s.")
        expect(visitor.column(column).locator(".dots")).to_have_count(0, timeout=PATIENCE_MS)


def test_a_question_is_answered_with_a_button(visitor: Visitor) -> None:
    visitor.column("telegram").locator("[data-say='/demo approve']").click()
    visitor.column("telegram").locator(".answer", has_text="yes").click(timeout=PATIENCE_MS)
    visitor.hear("telegram", "Deleted notes.txt.")
    visitor.column("web").locator("[data-say='/demo approve']").click()
    visitor.column("web").locator(".keys button", has_text="Approve").click(timeout=PATIENCE_MS)
    visitor.hear("web", "Deleted notes.txt.")
    visitor.hear("web", "✅ Approve")


def test_an_error_is_a_sentence(visitor: Visitor) -> None:
    for column in COLUMNS:
        visitor.column(column).locator("[data-say='/demo error quota']").click()
    for column in COLUMNS:
        visitor.hear(column, "run out of credit")


def test_an_edit_is_shown(visitor: Visitor, demo: DemoProcess) -> None:
    visitor.ask("telegram", "befor")
    simulator = next(
        word for word in demo.said.split() if word.startswith("http") and "Bot API at " + word in demo.said
    )
    person = _post(f"{simulator}/admin/people", {})[0]["id"]
    written = [one["message"] for one in _post(f"{simulator}/admin/messages", {"chat": person})]
    number = next(one["message_id"] for one in written if one.get("text") == "befor")
    _post(f"{simulator}/admin/edit", {"chat": person, "message": number, "text": "before"})
    expect(visitor.said("telegram", "before", who="person").locator("time")).to_contain_text("edited")


def _post(url: str, values: dict[str, object]) -> Any:
    with urlopen(Request(url, json.dumps(values).encode(), {"Content-Type": "application/json"}), timeout=10) as answer:
        return json.load(answer)


def test_one_surface_s_trouble_is_its_own(visitor: Visitor) -> None:
    button = visitor.page.locator("#homeserver")
    button.click()
    expect(button).to_contain_text("Start the homeserver", timeout=PATIENCE_MS)
    expect(visitor.column("matrix").locator("textarea")).to_be_disabled()
    visitor.ask("telegram", "is Telegram there?")
    visitor.ask("web", "is the web there?")
    expect(visitor.lamp("matrix")).to_have_class("bad", timeout=PATIENCE_MS)
    button.click()
    visitor.ask("matrix", "is Matrix back?")
    expect(visitor.lamp("matrix")).to_have_class("ok", timeout=PATIENCE_MS)


def test_a_killed_host_answers_once(visitor: Visitor) -> None:
    visitor.say("web", "/demo slow 5")
    expect(visitor.way("/demo slow 5").locator(".leg.asked")).to_be_visible(timeout=PATIENCE_MS)
    visitor.page.locator("#kill").click()
    expect(visitor.lamp("host")).to_have_class("bad", timeout=PATIENCE_MS)
    for column in COLUMNS:
        visitor.say(column, f"nobody is there, {column}")
    visitor.wait_all_up()
    visitor.hear("web", "I waited 5 s.")
    for column in COLUMNS:
        visitor.hear(column, f"echo: nobody is there, {column}")
        visitor.wait_settled(f"nobody is there, {column}")
    visitor.wait_settled("/demo slow 5")
    expect(visitor.way("/demo slow 5").locator(".leg.killed")).to_have_count(1)
    for column in COLUMNS:
        visitor.hear(column, f"echo: nobody is there, {column}")  # still one each, now that all is settled
    visitor.hear("web", "I waited 5 s.")
    ARTEFACTS.mkdir(exist_ok=True)
    visitor.page.screenshot(path=ARTEFACTS / "demo.png", full_page=True)


def test_the_page_comes_back_after_a_reload(visitor: Visitor) -> None:
    before = visitor.column("web").locator(".bubble").count()
    visitor.page.reload()
    expect(visitor.column("web").locator(".bubble")).to_have_count(before)
    visitor.wait_all_up()


def test_the_columns_stand_one_above_the_other_on_a_phone(browser: Browser, demo: DemoProcess) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto(demo.address)
    expect(page.locator("[data-column=web] .bubble.agent").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    tops = [page.locator(f"[data-column={name}]").bounding_box() for name in COLUMNS]
    assert [box and box["x"] for box in tops] == [tops[0] and tops[0]["x"]] * 3
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "demo-phone.png", full_page=True)
    page.close()


def test_the_page_speaks_russian_to_a_russian_browser(browser: Browser, demo: DemoProcess) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1180}, locale="ru-RU", color_scheme="dark")
    page.goto(demo.address)
    expect(page.locator("#ways-title")).to_have_text("Путь каждого сообщения через хост")
    expect(page.locator("#kill")).to_contain_text("Убить хост")
    catalogues = page.evaluate("import('/words.js').then(({ CATALOGUES }) => CATALOGUES)")
    assert list(catalogues["en"]) == list(catalogues["ru"])
    holes = {
        language: [sorted(re.findall(r"{\w+}", words)) for words in texts.values()]
        for language, texts in catalogues.items()
    }
    assert holes["en"] == holes["ru"]
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "demo-ru.png", full_page=True)
    page.close()


@pytest.mark.parametrize("origin", ["http://evil.example", None])
def test_a_stranger_s_page_gets_no_socket(demo: DemoProcess, origin: str | None) -> None:
    url = demo.address.replace("http", "ws") + "socket"
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(url, origin=Origin(origin) if origin else None, proxy=None),
    ):
        pass


def test_a_stranger_s_name_gets_no_page(demo: DemoProcess) -> None:
    with pytest.raises(HTTPError, match="421") as refusal:
        urlopen(Request(demo.address, headers={"Host": "evil.example"}), timeout=10)
    refusal.value.close()


def test_the_page_allows_nothing_from_elsewhere(demo: DemoProcess) -> None:
    with urlopen(demo.address, timeout=10) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy


def test_ctrl_c_ends_everything_within_ten_seconds(demo: DemoProcess) -> None:
    """The last one: it stops what the others use."""
    children = demo.children
    assert any("synapse" in one.command for one in children)
    assert any("surfacehost run" in one.command for one in children)
    assert demo.end(signal.SIGINT, 10) == 0
    assert [one for one in children if one.lives] == []
    assert "nothing is left running" in demo.said
    assert "Traceback" not in demo.said
