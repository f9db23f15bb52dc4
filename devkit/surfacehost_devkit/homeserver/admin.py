"""The few calls of Synapse's admin API that tests and the demo need."""

import hashlib
import hmac
import ssl
from dataclasses import dataclass, field
from typing import Any

import httpx

OPERATOR = "devkit-operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the homeserver, logged in on one device."""

    user_id: str
    device_id: str
    access_token: str = field(repr=False)
    password: str = field(repr=False)


class AdminError(RuntimeError):
    """The homeserver refused an admin call; the text has its error code and words."""

    def __init__(self, status: int, errcode: str, message: str) -> None:
        super().__init__(f"{status} {errcode}: {message}")
        self.errcode = errcode


class AdminApi:
    """Makes users and lifts their limits."""

    def __init__(self, url: str, *, registration_secret: str, verify: ssl.SSLContext) -> None:
        """Nothing is sent before the first call."""
        self._url = url
        self._secret = registration_secret.encode()
        self._verify = verify

    def register(self, localpart: str, password: str, *, admin: bool = False) -> Account:
        """Make a user; raises AdminError with ``M_USER_IN_USE`` when the name is taken.

        Source: Synapse's manual, "Shared-Secret Registration".
        """
        path = "/_synapse/admin/v1/register"
        nonce = self._call("GET", path)["nonce"]
        signed = "\0".join((nonce, localpart, password, "admin" if admin else "notadmin"))
        body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin}
        body["mac"] = hmac.new(self._secret, signed.encode(), hashlib.sha1).hexdigest()
        return _account(self._call("POST", path, json=body), password)

    def operator(self, password: str) -> Account:
        """The administrator's account; made the first time, logged in later."""
        try:
            return self.register(OPERATOR, password, admin=True)
        except AdminError as error:
            if error.errcode != "M_USER_IN_USE":
                raise
        who = {"type": "m.id.user", "user": OPERATOR}
        body = {"type": "m.login.password", "identifier": who, "password": password}
        return _account(self._call("POST", "/_matrix/client/v3/login", json=body), password)

    def limit_rate(self, user_id: str, operator: Account, *, per_second: int, burst: int) -> None:
        """How much a user may send. Source: Synapse's manual, "User Admin API", "Override ratelimiting"."""
        self._call(
            "POST",
            f"/_synapse/admin/v1/users/{user_id}/override_ratelimit",
            headers={"Authorization": f"Bearer {operator.access_token}"},
            json={"messages_per_second": per_second, "burst_count": burst},
        )

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401  httpx's own options
        with httpx.Client(verify=self._verify, trust_env=False, timeout=30) as client:
            answer = client.request(method, self._url + path, **options)
        body: dict[str, Any] = answer.json()
        if answer.is_error:
            raise AdminError(answer.status_code, body.get("errcode", ""), body.get("error", ""))
        return body


def _account(body: dict[str, Any], password: str) -> Account:
    return Account(
        user_id=body["user_id"],
        device_id=body["device_id"],
        access_token=body["access_token"],
        password=password,
    )
