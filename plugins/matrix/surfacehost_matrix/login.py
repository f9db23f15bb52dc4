"""How the account gets in: with the token it has, else with its password, always as the same device.

The device must stay: encryption keys belong to it, and so do the transaction ids that keep a repeated send from
becoming a second message (client-server specification, "Transaction identifiers"). Logins are few: a stock homeserver
allows five, then one in five minutes.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from surfacehost import Home, Memory, NotReady, Refused
from surfacehost_matrix.failures import Declined
from surfacehost_matrix.homeserver import Homeserver, Login
from surfacehost_matrix.settings import MatrixSettings

NOTE = "login"
DEVICE = "device"
"""Which device we are, since when."""

log = logging.getLogger(__name__)


async def enter(homeserver: Homeserver, settings: MatrixSettings, home: Home, since: str | None = None) -> Login:
    """Log in, or find that we still are; at most one login with the password. *since*: where we are in the sync.

    Raises NotReady when the homeserver is away or makes us wait, Refused when it does not know the account so.
    """
    memory = home.memory
    if settings.access_token is not None:
        login = await _by_token(homeserver, settings, settings.access_token.get_secret_value())
    else:
        login = await _by_password(homeserver, settings, memory)
    homeserver.adopt(login)
    if homeserver.encrypts:
        await _check_keys(homeserver, settings, memory, login)
        await _check_age(homeserver, settings, home, login, since)
    return login


async def _by_token(homeserver: Homeserver, settings: MatrixSettings, token: str) -> Login:
    try:
        return await _whoami(homeserver, settings, token)
    except Declined as refusal:
        if refusal.logged_out:
            raise Refused(f"{homeserver.url} does not accept the access token: {refusal.said}") from refusal
        raise _refused(settings, refusal) from refusal


async def _by_password(homeserver: Homeserver, settings: MatrixSettings, memory: Memory) -> Login:
    kept: Mapping[str, str] = await memory.get(NOTE) or {}
    if kept.get("user_id") != settings.user_id:
        kept = {}
    if kept:
        try:
            return await _whoami(homeserver, settings, kept["access_token"], kept["device_id"])
        except Declined as refusal:
            if not refusal.logged_out:
                raise _refused(settings, refusal) from refusal
            log.warning("the homeserver has ended our session; logging in again")
    login = await _log_in(homeserver, settings, kept.get("device_id"))
    note = {"user_id": login.user_id, "device_id": login.device_id, "access_token": login.access_token}
    await memory.set({NOTE: note})
    return login


async def _whoami(homeserver: Homeserver, settings: MatrixSettings, token: str, device_id: str = "") -> Login:
    answer = await homeserver.call("GET", "account", "whoami", token=token)
    _check_user(settings, answer)
    device = str(answer.get("device_id") or device_id)
    if not device:
        raise Refused("the access token belongs to no device: make one by logging in")
    return Login(user_id=settings.user_id, device_id=device, access_token=token)


async def _log_in(homeserver: Homeserver, settings: MatrixSettings, device_id: str | None) -> Login:
    assert settings.password is not None  # noqa: S101 - the settings see to it
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": settings.user_id},
        "password": settings.password.get_secret_value(),
        "initial_device_display_name": settings.device_name,
        **({"device_id": device_id} if device_id else {}),
    }
    try:
        answer = await homeserver.call("POST", "login", body=body, token="")
    except Declined as refusal:
        raise _refused(settings, refusal) from refusal
    _check_user(settings, answer)
    try:
        return Login(
            user_id=settings.user_id, device_id=str(answer["device_id"]), access_token=str(answer["access_token"])
        )
    except KeyError as error:
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
        raise _refused(settings, refusal) from refusal
    device = answer.get("device_keys", {}).get(login.user_id, {}).get(login.device_id, {})
    published = device.get("keys", {}).get(f"curve25519:{login.device_id}")
    if published is None:
        homeserver.publish_keys()
    elif published != homeserver.identity_key:
        await _replace(homeserver, settings, memory, login, "are not here")


async def _check_age(
    homeserver: Homeserver, settings: MatrixSettings, home: Home, login: Login, since: str | None
) -> None:
    """Replace a device whose keys are from an older copy of the data, after taking what it can still read.

    Its keys have gone on since without the copy: what it encrypts nobody could read, and of what others encrypt for it
    it could read little. A new device starts afresh with everybody, and keeps the keys of rooms that the old one had.
    """
    known: Mapping[str, Any] = await home.memory.get(DEVICE) or {}
    if known.get("id") != login.device_id:
        if known:
            homeserver.inherit(known["id"])
        await home.memory.set({DEVICE: {"id": login.device_id, "since": time.time()}})
    elif known["since"] < home.restored_at:
        await homeserver.collect_keys(since)
        await _replace(homeserver, settings, home.memory, login, "are an older copy")


async def _replace(
    homeserver: Homeserver, settings: MatrixSettings, memory: Memory, login: Login, trouble: str
) -> NoReturn:
    if settings.password is None:
        raise Refused(f"the encryption keys of the access token's device {trouble}; make a new token")
    log.error("the keys of device %s %s; logging in as a new device", login.device_id, trouble)
    await homeserver.call("POST", "logout", body={})
    await memory.set({NOTE: None})
    raise NotReady(f"the device's keys {trouble}; it is replaced")


def _check_user(settings: MatrixSettings, answer: Mapping[str, Any]) -> None:
    if (user_id := answer.get("user_id")) != settings.user_id:
        raise Refused(f"these credentials are those of {user_id}; user_id in the settings is {settings.user_id}")


def _refused(settings: MatrixSettings, refusal: Declined) -> Refused | NotReady:
    """Why the homeserver does not let us in, as an operator can act on it."""
    if account := refusal.blames_account():
        return account
    if refusal.errcode == "M_FORBIDDEN":
        return Refused(
            f"{settings.homeserver} does not accept this password for {settings.user_id} ({refusal.said}); "
            f"is it the homeserver of {settings.server_name}, and the account not deactivated?"
        )
    if refusal.errcode == "M_UNKNOWN" and refusal.status == 400:
        return Refused(f"{settings.homeserver} takes no passwords ({refusal.said}); use access_token")
    if refusal.errcode == "M_UNRECOGNIZED":
        return NotReady(f"{settings.homeserver} does not offer the client API here: is it the right address?")
    return Refused(f"{settings.homeserver} does not let {settings.user_id} in: {refusal}")
