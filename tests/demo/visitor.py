"""What a person at the page does and sees."""

from playwright.sync_api import Locator, Page, expect

COLUMNS = ("matrix", "telegram", "web")
SETTLED = ["taken", "asked", "answered", "sent", "settled"]
PATIENCE_MS = 30_000


class Visitor:
    """Reads and writes on the demo's page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def column(self, name: str) -> Locator:
        return self.page.locator(f"[data-column={name}]")

    def said(self, column: str, text: str, who: str = "agent") -> Locator:
        return self.column(column).locator(f".bubble.{who}", has_text=text)

    def say(self, column: str, text: str) -> None:
        field = self.column(column).locator("textarea")
        expect(field).to_be_enabled(timeout=PATIENCE_MS)
        field.fill(text)
        field.press("Enter")

    def hear(self, column: str, text: str, times: int = 1) -> None:
        expect(self.said(column, text)).to_have_count(times, timeout=PATIENCE_MS)

    def ask(self, column: str, text: str) -> None:
        self.say(column, text)
        self.hear(column, f"echo: {text}")

    def way(self, text: str) -> Locator:
        return self.page.locator("#ways li").filter(has_text=text)

    def wait_settled(self, text: str) -> None:
        expect(self.way(text).first).to_have_class("over", timeout=PATIENCE_MS)

    def lamp(self, name: str) -> Locator:
        return self.page.locator(f"[data-lamp={name}]")

    def wait_all_up(self) -> None:
        for name in ("host", "agent", *COLUMNS):
            expect(self.lamp(name)).to_have_class("ok", timeout=2 * PATIENCE_MS)
