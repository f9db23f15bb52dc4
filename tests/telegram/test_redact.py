import logging

import pytest
from tests.telegram.conftest import Desk

from surfacehost_telegram.redact import RedactSecret, keep_out_of_logs, secret_of

TOKEN = "123456789:AAFredactredactredactredact_-xyz"


@pytest.mark.parametrize(
    "name", ["httpx", "httpcore.http11", "telegram.Bot", "telegram.ext.ExtBot", "surfacehost_telegram.send"]
)
def test_no_logger_tells_the_token(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(name)
    keep_out_of_logs(secret_of(TOKEN))
    caplog.set_level(logging.DEBUG, logger=name)
    logger.info("POST %s", f"https://api.telegram.org/bot{TOKEN}/getMe")
    assert "POST https://api.telegram.org/bot123456789:…/getMe" in caplog.text
    assert TOKEN not in caplog.text


def test_it_is_added_once() -> None:
    for _ in range(3):
        keep_out_of_logs(secret_of(TOKEN))
    assert logging.getLogger("httpx").filters.count(RedactSecret(TOKEN.partition(":")[2])) == 1
    assert TOKEN.partition(":")[2] not in repr(logging.getLogger("httpx").filters)


def test_no_repr_tells_it(desk: Desk) -> None:
    surface = desk.surface(TOKEN)
    for one in (surface, surface._bot, surface._bot.request, surface._settings, *vars(surface).values()):
        assert secret_of(TOKEN) not in repr(one)


@pytest.mark.parametrize("name", ["httpx", "httpcore", "telegram"])
def test_libraries_tell_warnings_only(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET, logger=name)  # put back by pytest
    keep_out_of_logs(secret_of(TOKEN))
    assert logging.getLogger(name).level == logging.WARNING


def test_a_level_set_on_purpose_stands(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore")
    keep_out_of_logs(secret_of(TOKEN))
    assert logging.getLogger("httpcore").level == logging.DEBUG
