"""What people read on Telegram and on Matrix of the same Markdown: each table of ``both.toml`` is a case."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.render.test_telegram_cases import shown

from surfacehost_render import matrix, telegram

CASES: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("both.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_what_people_read(name: str) -> None:
    case = CASES[name]
    [message] = telegram(case["markdown"])
    assert message.text == case["text"]
    assert shown(message) == [tuple(entity) for entity in case.get("entities", ())]
    assert matrix(case["markdown"]).formatted_body == case.get("html")
