"""The parameters of a call, read as leniently as the server reads them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from surfacehost_devkit.botapi.errors import ApiError, bad_request

_LEADING_INTEGER = re.compile(r"-?\d+")
MAX_BODY = 52 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came with the call."""

    name: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Fields and files of one call, whatever encoding they came in."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def within(self, parts: Mapping[str, object]) -> Self:
        """The same call where *parts*, an object within it, stand in place of its fields; the chat stays."""
        fields = {name: _as_field(value) for name, value in parts.items() if value is not None}
        return replace(self, fields=fields | {"chat_id": self.fields.get("chat_id", "")})

    def text(self, name: str) -> str:
        """The field, or an empty string; bytes that are no UTF-8 are refused."""
        value = self.fields.get(name, "")
        if any("\ud800" <= unit <= "\udfff" for unit in value):
            raise bad_request("strings must be encoded in UTF-8")
        return value

    def whole(self, name: str, default: int = 0, *, low: int | None = None, high: int | None = None) -> int:
        """The field's leading digits as a number, clamped; the server takes "12abc" for 12 and "abc" for 0."""
        raw = self.fields.get(name, "").strip()
        if not raw:
            return default
        found = _LEADING_INTEGER.match(raw)
        value = int(found.group()) if found else 0
        if low is not None:
            value = max(low, value)
        return value if high is None else min(high, value)

    def flag(self, name: str) -> bool:
        """True for "true", "yes" and "1" in any case."""
        return self.fields.get(name, "").lower() in {"true", "yes", "1"}

    def decoded(self, name: str) -> object:
        """The field as JSON, or None where it is absent or no JSON."""
        try:
            decoded: object = json.loads(self.fields.get(name, "") or "null")
        except ValueError:
            return None
        return decoded


async def read_params(request: Request) -> Params:
    """Read query string and body; form, multipart and JSON all mean the same (Bot API, "Making requests")."""
    fields = {name: str(value) for name, value in request.query_params.items()}
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise ApiError(413, "Request Entity Too Large")
    if kind == "multipart/form-data":
        return await _multipart(request, fields)
    body = await request.body()
    if kind == "application/json":
        return Params(fields=fields | _json_fields(body))
    return Params(fields=fields | _form_fields(body))


async def _multipart(request: Request, fields: dict[str, str]) -> Params:
    files: dict[str, Upload] = {}
    try:
        async with request.form(max_part_size=MAX_BODY) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = await _upload(value)
                else:
                    fields[name] = value
    except MultiPartException as broken:
        raise bad_request("can't parse multipart/form-data") from broken
    return Params(fields=fields, files=files)


async def _upload(value: UploadFile) -> Upload:
    kind = value.content_type or "application/octet-stream"
    return Upload(name=value.filename or "", content_type=kind, data=await value.read())


def _form_fields(body: bytes) -> dict[str, str]:
    # Undecodable bytes must survive, as surrogates, as far as the field that is then refused.
    text = body.decode("utf-8", "surrogateescape")
    return dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def _json_fields(body: bytes) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        decoded = json.loads(body)
    except ValueError as broken:
        raise bad_request("can't parse request body as JSON object") from broken
    if not isinstance(decoded, dict):
        raise bad_request("can't parse request body as JSON object")
    return {name: _as_field(value) for name, value in decoded.items() if value is not None}


def _as_field(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
