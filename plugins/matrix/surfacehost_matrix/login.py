"""How the account gets in: with the token it has, else as the settings say, always as the same device.

The device must stay: encryption keys belong to it, and so do the transaction ids that keep a repeated send from
becoming a second message (client-server specification, "Transaction identifiers"). Logins are few: a stock homeserver
allows five, then one in five minutes.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NoReturn

from surfacehost import Home, Memory, NotReady, Refused
from surfacehost_matrix.device import Login
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver
from surfacehost_matrix.settings import MatrixSettings

NOTE = "login"
DEVICE = "device"
"""Which device we are, since which restoring of the data, and how often its keys were taken up."""
AGAIN_S = 10.0
"""Before another try at renewing an access token; if none goes well it ends, and we log in anew."""

log = logging.getLogger(__name__)


async def enter(homeserver: Homeserver, settings: MatrixSettings, home: Home, since: str | None = None) -> Login:
    """Log in, or find that we still are; at most one login anew. *since*: where we are in the sync.

    Raises NotReady when the homeserver is away or makes us wait, Refused when it does not know the account so.
    """
    memory = home.memory
    if settings.access_token is not None:
        login = await _by_token(homeserver, settings, settings.access_token.get_secret_value())
    else:
        login = await _by_note(homeserver, settings, memory) or await _log_in(homeserver, settings, memory)
    homeserver.adopt(login)
    if homeserver.encrypts:
        await _check_keys(homeserver, settings, memory, login)
        await _check_age(homeserver, settings, home, login, since)
    return login


async def stay(homeserver: Homeserver, login: Login, memory: Memory) -> None:
    """Renew the access token of *login* before it ends, for ever; returns at once where it does not end."""
    while login.refresh_token and login.expires_at:
        await asyncio.sleep(max(1.0, (login.expires_at - time.time()) / 2))
        try:
            login = await _refresh(homeserver, login, memory)
        except (NotReady, Declined) as error:  # while it lasts nothing is lost, and after that ``listen`` hears of it
            log.info("the access token can't be renewed now: %s", error)
            await asyncio.sleep(AGAIN_S)
        else:
            homeserver.renew(login)


async def _by_token(homeserver: Homeserver, settings: MatrixSettings, token: str) -> Login:
    try:
        return await _whoami(homeserver, settings, Login(user_id=settings.user_id, device_id="", access_token=token))
    except Declined as refusal:
        if refusal.logged_out:
            said = f"{homeserver.url} does not accept the access token ({refusal.said})"
            raise Refused(f"{said}: make a new one, of the same device if you can, and start again") from refusal
        raise _refused(homeserver, settings, refusal) from refusal


async def _by_note(homeserver: Homeserver, settings: MatrixSettings, memory: Memory) -> Login | None:
    """The session that we had; None where there is none any more. A soft logout is one that can be renewed."""
    login = kept(await memory.get(NOTE), settings)
    if login is None or not login.access_token:
        return None
    try:
        return await _whoami(homeserver, settings, login)
    except Declined as refusal:
        if not refusal.logged_out:
            raise _refused(homeserver, settings, refusal) from refusal
    if login.refresh_token:
        try:
            return await _refresh(homeserver, login, memory)
        except Declined as refusal:
            log.warning("the access token can't be renewed: %s", refusal)
    log.warning("the homeserver has ended our session; logging in again")
    return None


def kept(note: Any, settings: MatrixSettings) -> Login | None:  # noqa: ANN401 - JSON
    """The login that was noted, if it is that of the account of *settings*."""
    return Login(**note) if note and note["user_id"] == settings.user_id else None


async def _whoami(homeserver: Homeserver, settings: MatrixSettings, login: Login) -> Login:
    """*login*, once the homeserver has accepted it. Raises Declined, NotReady and Refused."""
    answer = await homeserver.call("GET", "account", "whoami", token=login.access_token)
    _check_user(settings, answer)
    device = str(answer.get("device_id") or login.device_id)
    if not device:
        raise Refused("the access token belongs to no device: make one by logging in")
    return replace(login, device_id=device)


async def _refresh(homeserver: Homeserver, login: Login, memory: Memory) -> Login:
    """*login* with a new access token, which is noted. The old ones work until the new one has been used."""
    answer = await homeserver.call("POST", "refresh", body={"refresh_token": login.refresh_token}, token="")
    renewed = _told(
        homeserver, {"refresh_token": login.refresh_token, "device_id": login.device_id} | answer, login.user_id
    )
    await memory.set({NOTE: asdict(renewed)})
    return renewed


async def _log_in(homeserver: Homeserver, settings: MatrixSettings, memory: Memory) -> Login:
    """A new session, noted; of the device that we had before."""
    before = kept(await memory.get(NOTE), settings)
    body = _proof(settings) | {"initial_device_display_name": settings.device_name}
    if before is not None:
        body["device_id"] = before.device_id
    try:
        answer = await homeserver.call("POST", "login", body=body, token="")
    except Declined as refusal:
        raise _refused(homeserver, settings, refusal) from refusal
    _check_user(settings, answer)
    login = _told(homeserver, answer, settings.user_id)
    await memory.set({NOTE: asdict(login)})
    return login


def _proof(settings: MatrixSettings) -> dict[str, Any]:
    """The part of a login that says why we may. A password can be shown again, so its token needs no renewing."""
    if settings.login_token is not None:
        return {"type": "m.login.token", "token": settings.login_token.get_secret_value(), "refresh_token": True}
    assert settings.password is not None  # noqa: S101 - the settings see to it
    who = {"type": "m.id.user", "user": settings.user_id}
    return {"type": "m.login.password", "identifier": who, "password": settings.password.get_secret_value()}


def _told(homeserver: Homeserver, answer: Mapping[str, Any], user_id: str) -> Login:
    """The login that *answer* is; ``expires_in_ms`` counts from now."""
    try:
        lasts_ms = answer.get("expires_in_ms")
        return Login(
            user_id=user_id,
            device_id=str(answer["device_id"]),
            access_token=str(answer["access_token"]),
            refresh_token=str(answer.get("refresh_token") or ""),
            expires_at=time.time() + float(lasts_ms) / 1000 if lasts_ms else 0.0,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotReady(f"{homeserver.url} gives an answer that is no Matrix") from error


async def _check_keys(homeserver: Homeserver, settings: MatrixSettings, memory: Memory, login: Login) -> None:
    """Compare the device's keys on the homeserver with ours.

    A logout removes them there, and nio would believe them published. If they are others, ours are lost with the
    folder they were in, and nobody encrypts for us any more: that takes a new device.
    """
    query = {"device_keys": {login.user_id: [login.device_id]}}
    try:
        answer = await homeserver.call("POST", "keys", "query", body=query)
    except Declined as refusal:
        raise _refused(homeserver, settings, refusal) from refusal
    device = answer.get("device_keys", {}).get(login.user_id, {}).get(login.device_id, {})
    published = device.get("keys", {}).get(f"curve25519:{login.device_id}")
    if published is None:
        homeserver.publish_keys()
    elif published != homeserver.identity_key:
        await _replace(homeserver, settings, memory, login, "are not here")


async def _check_age(
    homeserver: Homeserver, settings: MatrixSettings, home: Home, login: Login, since: str | None
) -> None:
    """Replace a device whose keys are an older copy, of the data or alone, after taking what it can still read.

    Its keys have gone on since without the copy: what it encrypts nobody could read, and of what others encrypt for it
    it could read little. A new device starts afresh with everybody, and keeps the keys of rooms that the old one had.
    """
    known: Mapping[str, Any] = await home.memory.get(DEVICE) or {}
    if known.get("id") != login.device_id:
        if known:
            homeserver.inherit(known["id"])
        known = {"id": login.device_id, "restored": home.restored_at}  # by no clock, which may have been set since
    elif known.get("restored", 0.0) != home.restored_at or homeserver.turn <= known.get("turn", 0):
        await homeserver.collect_keys(since)
        await _replace(homeserver, settings, home.memory, login, "are an older copy")
    await home.memory.set({DEVICE: {**known, "turn": homeserver.turn}})


async def _replace(
    homeserver: Homeserver, settings: MatrixSettings, memory: Memory, login: Login, trouble: str
) -> NoReturn:
    if settings.access_token is not None:
        raise Refused(f"the encryption keys of the access token's device {trouble}; make a new token")
    log.error("the keys of device %s %s; logging in as a new device", login.device_id, trouble)
    await memory.set({NOTE: None})  # first: who dies between the two must not log in as this device again
    await homeserver.call("POST", "logout", body={})
    if settings.login_token is not None:
        raise Refused(f"the encryption keys of our device {trouble}; {_another_login_token(homeserver)}")
    raise NotReady(f"the device's keys {trouble}; it is replaced")


def _check_user(settings: MatrixSettings, answer: Mapping[str, Any]) -> None:
    if (user_id := answer.get("user_id")) != settings.user_id:
        raise Refused(f"these credentials are those of {user_id}; user_id in the settings is {settings.user_id}")


def _refused(homeserver: Homeserver, settings: MatrixSettings, refusal: Declined) -> Refused | NotReady:
    """Why the homeserver does not let us in, as an operator can act on it."""
    if account := refusal.blames_account():
        return account
    if settings.login_token is not None and refusal.status in (401, 403):
        return Refused(
            f"{homeserver.url} does not take the login token ({refusal.said}); {_another_login_token(homeserver)}"
        )
    if refusal.errcode == "M_FORBIDDEN":
        return Refused(
            f"{homeserver.url} does not accept this password for {settings.user_id} ({refusal.said}); "
            f"is it the homeserver of {settings.server_name}, and the account not deactivated?"
        )
    if refusal.errcode == "M_UNKNOWN" and refusal.status == 400:
        way, others = ("login tokens", "a password") if settings.login_token else ("passwords", "login_token")
        return Refused(f"{homeserver.url} takes no {way} ({refusal.said}); use {others} or access_token")
    if refusal.errcode == "M_UNRECOGNIZED":
        return NotReady(f"{homeserver.url} does not offer the client API here: is it the right address?")
    return Refused(f"{homeserver.url} does not let {settings.user_id} in: {refusal}")


def _another_login_token(homeserver: Homeserver) -> str:
    """What to do: a login token works once, and for a few minutes only."""
    page = f"{homeserver.url}/_matrix/client/v3/login/sso/redirect?redirectUrl=http://localhost"
    return (
        f"it works once, soon after it was made: log in at {page} in a browser, "
        "give the loginToken of the address where that ends as login_token, and start again"
    )
