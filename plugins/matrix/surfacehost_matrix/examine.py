"""How the account and its homeserver are doing, for ``surfacehost doctor``.

A host may be running with the same account: the crypto store is its alone, nothing is synced, and no login is made.
"""

import ipaddress
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from surfacehost import Finding, Home, NotReady, Refused
from surfacehost_matrix.aliases import lead, named
from surfacehost_matrix.chats import Chats
from surfacehost_matrix.device import Login
from surfacehost_matrix.discovery import look_up
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.limits import by_hand, lift
from surfacehost_matrix.login import NOTE, kept
from surfacehost_matrix.provision import Provisioning
from surfacehost_matrix.settings import MatrixSettings
from surfacehost_matrix.trust import state_of_trust

LEAST = (1, 4)
"""The version of the specification that has threads; what we need beyond it is used only where it is offered."""
MOST_PEOPLE = 50
"""Whose Spaces are compared with the settings; a start looks at all of them."""


async def examine(home: Home, settings: MatrixSettings) -> list[Finding]:
    """Everything that can be found out without disturbing a running host."""
    return [finding async for finding in _findings(home, settings)]


async def _findings(home: Home, settings: MatrixSettings) -> AsyncIterator[Finding]:
    try:
        url = await look_up(settings) if settings.is_server_name else settings.homeserver
        if settings.is_server_name:
            yield _ok(f"the .well-known of {settings.homeserver} leads to {url}")
        only_looking = settings.model_copy(update={"encryption": False})  # the keys are the running host's
        async with Homeserver(only_looking, home.data_dir, url) as homeserver:
            yield _versions(url, await homeserver.ask("GET", "/_matrix/client/versions"))
            login = await _login(home, settings)
            if login is None:
                yield await _ways_in(homeserver, settings)
                return
            homeserver.renew(login)
            account = await _account(homeserver, settings, login)
            yield account
            if account.level == "ok":
                async for finding in _belongings(homeserver, home, settings, login):
                    yield finding
    except Declined as refusal:
        yield _bad(f"the homeserver refuses what was asked: {refusal}", "is it the right homeserver?")
    except (NotReady, Refused) as error:
        yield _bad(str(error), "see docs/matrix.md, What goes wrong")


def _versions(url: str, answer: Any) -> Finding:  # noqa: ANN401 - JSON
    said = answer.get("versions", ()) if isinstance(answer, dict) else ()
    known = [
        tuple(map(int, one[1:].split("."))) for one in said if one[:1] == "v" and one[1:].replace(".", "").isdigit()
    ]
    if not known:
        return _bad(f"{url} answers, but not as a homeserver", "is homeserver the right address?")
    newest = max(known)
    what = f"{url} answers and speaks Matrix {'.'.join(map(str, newest))}"
    if newest < LEAST:
        return _warn(f"{what}, which has no threads", "have the homeserver updated")
    if urlsplit(url).scheme == "http" and not _is_near(urlsplit(url).hostname or ""):
        return _warn(f"{what}, without TLS: passwords and messages travel in clear", "use its https:// address")
    return _ok(what)


async def _login(home: Home, settings: MatrixSettings) -> Login | None:
    if settings.access_token is not None:
        token = settings.access_token.get_secret_value()
        return Login(user_id=settings.user_id, device_id="", access_token=token)
    return kept(await home.memory.get(NOTE), settings)


async def _account(homeserver: Homeserver, settings: MatrixSettings, login: Login) -> Finding:
    """Whether we are still logged in, and as whom. Raises NotReady and Declined."""
    try:
        answer = await homeserver.call("GET", "account", "whoami")
    except Declined as refusal:
        if not refusal.logged_out:
            raise
        if settings.access_token is not None:
            return _bad(f"the access token is not accepted ({refusal.said})", "make a new one, of the same device")
        return _warn(f"the session has ended ({refusal.said})", "start the host: it logs in again as the same device")
    if (told := answer.get("user_id")) != settings.user_id:
        return _bad(f"the credentials are those of {told}", f"user_id in the settings is {settings.user_id}")
    return _ok(f"logged in as {settings.user_id}, device {answer.get('device_id') or login.device_id}")


async def _ways_in(homeserver: Homeserver, settings: MatrixSettings) -> Finding:
    """Whether the homeserver takes what the settings have for a first login."""
    wanted = "m.login.token" if settings.login_token else "m.login.password"
    flows = {flow.get("type") for flow in (await homeserver.call("GET", "login", token="")).get("flows", ())}
    if wanted not in flows:
        instead = "use login_token or access_token" if wanted == "m.login.password" else "use password or access_token"
        return _bad(f"the homeserver takes no {wanted}, only {', '.join(sorted(map(str, flows)))}", instead)
    return _ok("not logged in yet: the first start does that, so the rest can't be asked")


async def _belongings(
    homeserver: Homeserver, home: Home, settings: MatrixSettings, login: Login
) -> AsyncIterator[Finding]:
    """What the account may do and what it has. Raises NotReady and Declined."""
    match await lift(homeserver):
        case "lifted":
            yield _ok("the account may send without limit")
        case "lifted now":
            yield _ok("the account is a server administrator's and was limited in sending: that is lifted now")
        case _:
            yield Finding(
                level="ok",
                what="whether its limit on sending is lifted is an administrator's to see",
                remedy=f"if answers come late, one of them runs: {by_hand(homeserver)}",
            )
    yield await _uploads(homeserver)
    for alias, setting in named(settings):
        yield await _alias(homeserver, alias, setting)
    if settings.encryption:
        yield await _keys(homeserver, login)
        for finding in await state_of_trust(homeserver, login, settings, home.memory, home.data_dir):
            yield finding
    if settings.space:
        async for finding in _space(homeserver, home, settings):
            yield finding


async def _alias(homeserver: Homeserver, alias: str, setting: str) -> Finding:
    try:
        return _ok(f"{alias} in {setting} is {await lead(homeserver, alias)}")
    except Declined as refusal:
        if blame := refusal.blames_account():
            raise blame from refusal
        return _warn(f"{alias} in {setting} leads to no room ({refusal})", "give the room's own id, or mend the alias")


async def _uploads(homeserver: Homeserver) -> Finding:
    try:
        config = await homeserver.ask("GET", "/_matrix/client/v1/media/config")
    except Declined:
        config = await homeserver.ask("GET", "/_matrix/media/v3/config")
    size = config.get("m.upload.size") if isinstance(config, dict) else None
    return _ok(f"files of up to {size / 2**20:.0f} MiB can be sent" if size else "files of any size can be sent")


async def _keys(homeserver: Homeserver, login: Login) -> Finding:
    """Whether others can encrypt for our device."""
    answer = await homeserver.call("POST", "keys", "query", body={"device_keys": {login.user_id: []}})
    devices: Mapping[str, Any] = answer.get("device_keys", {}).get(login.user_id, {})
    if login.device_id and login.device_id not in devices:
        return _warn("our device has no encryption keys on the homeserver", "start the host: it publishes them")
    return _ok("others can encrypt for our device")


async def _space(homeserver: Homeserver, home: Home, settings: MatrixSettings) -> AsyncIterator[Finding]:
    """What the next start would change about the Spaces that were made."""
    assert settings.space is not None  # noqa: S101 - asked for only then
    chats = Chats(home.name, settings.user_id)
    await chats.recall(home.memory)
    provisioning = Provisioning(home.name, settings.space, home.memory, chats)
    people = [person for person, note in chats.people() if note["rooms"]]
    differ = False
    for person in people[:MOST_PEOPLE]:
        for line in await provisioning.plan(homeserver, person):
            differ = True
            yield _warn(f"the Space of {person} differs from the settings: {line}", "the next start mends it")
    if not differ:
        looked = min(len(people), MOST_PEOPLE)
        yield _ok(f"the Spaces of {looked} people are as the settings say" if looked else "nobody has a Space yet")


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ok(what: str) -> Finding:
    return Finding(level="ok", what=what)


def _warn(what: str, remedy: str) -> Finding:
    return Finding(level="warn", what=what, remedy=remedy)


def _bad(what: str, remedy: str) -> Finding:
    return Finding(level="bad", what=what, remedy=remedy)
