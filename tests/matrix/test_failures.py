"""What a homeserver's answers, and a network's silence, mean."""

import pytest

from surfacehost import NotReady, Refused
from surfacehost_matrix import MatrixSettings
from surfacehost_matrix.failures import Declined, check, reaching

URL = "https://matrix.example.org"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"errcode": "M_BAD_JSON", "error": "x"}),
        (403, {"errcode": "M_FORBIDDEN", "error": "x"}),
        (404, {"errcode": "M_NOT_FOUND", "error": "x"}),
        (413, {"errcode": "M_TOO_LARGE", "error": "x"}),
        (413, None),
        (401, {"errcode": "M_UNKNOWN_TOKEN", "error": "x"}),
    ],
)
def test_a_refusal_is_final(status: int, body: object) -> None:
    with pytest.raises(Declined) as caught:
        check(URL, status, {}, body)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"errcode": "M_UNKNOWN", "error": "x"}),
        (502, None),
        (503, []),
        (404, None),
        (403, {"error": "no errcode"}),
        (302, None),
    ],
)
def test_what_may_be_better_soon_is_waited_for(status: int, body: object) -> None:
    with pytest.raises(NotReady) as caught:
        check(URL, status, {"Location": "/elsewhere"}, body)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, 1.5),
        ({"Retry-After": "7"}, {"errcode": "M_LIMIT_EXCEEDED"}, 7),
        ({"Retry-After": "7"}, None, 7),
        ({"Retry-After": "Tue, 24 Nov 2026 00:00:00 GMT"}, {}, 5),
        ({}, {"retry_after_ms": "soon"}, 5),
        ({}, {"retry_after_ms": 10**400}, 3600),
        ({}, {"retry_after_ms": float("inf")}, 3600),
        ({"Retry-After": "inf"}, None, 3600),
        ({"Retry-After": "nan"}, None, 0.1),
    ],
)
def test_a_limit_says_how_long(headers: dict[str, str], body: object, seconds: float) -> None:
    with pytest.raises(NotReady) as caught:
        check(URL, 429, headers, body)
    assert caught.value.retry_after == seconds


def test_success_is_no_failure() -> None:
    check(URL, 200, {}, {})


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionError("gone"), UnicodeDecodeError("utf-8", b"x", 0, 1, "y")]
)
def test_the_networks_errors_are_not_ready(error: Exception) -> None:
    with pytest.raises(NotReady) as caught, reaching(URL):
        raise error
    assert URL in str(caught.value)


def test_what_is_about_the_account_is_told_apart() -> None:
    assert isinstance(Declined(401, "M_UNKNOWN_TOKEN", "").blames_account(), NotReady)
    assert isinstance(Declined(403, "M_USER_DEACTIVATED", "").blames_account(), Refused)
    assert isinstance(Declined(403, "M_CONSENT_NOT_GIVEN", "").blames_account(), NotReady)
    assert Declined(403, "M_FORBIDDEN", "").blames_account() is None


GOOD = {"homeserver": URL + "/", "user_id": "@bot:example.org", "password": "x"}


def test_settings_that_are_whole() -> None:
    settings = MatrixSettings.model_validate(GOOD)
    assert settings.homeserver == URL
    assert settings.server_name == "example.org"
    assert "x" not in repr(settings.password)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"homeserver": "ftp://matrix.example.org"}, "with its scheme"),
        ({"homeserver": "https://a:b@example.org"}, "no user name"),
        ({"user_id": "bot"}, "user_id"),
        ({"password": None}, "is missing"),
        ({"access_token": "t"}, "exclude each other"),
        ({"space": {"name": "A", "rooms": ["x", "x"]}}, "same name"),
        ({"space": {"name": "A", "rooms": []}}, "rooms"),
        ({"hoemserver": "x"}, "hoemserver"),
        ({"allow": ["@a:ex.org", "#room"]}, "no room alias"),
        ({"groups": [{"id": "#:ex.org"}]}, "no room alias"),
    ],
)
def test_settings_that_are_not(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MatrixSettings.model_validate(GOOD | change)


def test_whose_invitations_are_followed() -> None:
    def follows(**more: object) -> bool:
        return MatrixSettings.model_validate(GOOD | more).follows("@alice:example.org")

    assert not follows()
    assert follows(allow=["@alice:example.org"])
    assert follows(owners=["@alice:example.org"])
    assert follows(allow=["*"])
    assert follows(invites="allow")
    assert not follows(invites="ignore", allow=["*"])
