"""What a provider's failure is called in the contract: decided by types, numbers and codes, never by words."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from platform_agent.backend import AgentError

_BY_STATUS = {
    401: "auth",
    402: "quota",
    403: "auth",
    404: "model",
    408: "timeout",
    413: "too_large",
    429: "rate_limited",
}
# Machine-readable codes say more than the status they come with.
_BY_CODE = {
    "insufficient_quota": "quota",
    "model_not_found": "model",
    "context_length_exceeded": "context_full",
    "string_above_max_length": "too_large",
    "content_filter": "content_refused",
    "content_policy_violation": "content_refused",
    "invalid_api_key": "auth",
    "rate_limit_exceeded": "rate_limited",
    "server_error": "overloaded",
}
_DETAIL_CHARS = 300


def classify(error: Exception, *, streaming: bool) -> AgentError:
    """The contract's error for what the SDK raised; `streaming` once the provider has begun to answer."""
    match error:
        case openai.APITimeoutError():
            return AgentError("timeout", "the provider took too long", detail=_detail(error))
        case openai.APIConnectionError():
            code = "lost" if streaming else "unreachable"
            return AgentError(code, "the connection to the provider failed", detail=_detail(error))
        case openai.APIStatusError():
            code = _code(error, error.status_code)
            wait = retry_after(error.response.headers.get("retry-after"))
            return AgentError(
                code, f"the provider answered {error.status_code}", retry_after=wait, detail=_detail(error)
            )
        case openai.APIError():  # an error object inside a stream that began with 200
            status = int(error.code) if error.code is not None and error.code.isdecimal() else 0
            return AgentError(_code(error, status), "the provider's stream ended in an error", detail=_detail(error))
        case _:
            return AgentError("protocol", "the provider sent no chat completion", detail=_detail(error))


def _code(error: openai.APIError, status: int) -> str:
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if status == 403 and _was_moderated(error.body):
        return "content_refused"
    return _BY_STATUS.get(status, "overloaded" if status >= 500 else "internal")


def _was_moderated(body: object) -> bool:
    """OpenRouter lists the reasons of a moderation in the error's metadata (its documentation, "Errors")."""
    metadata: Any = body.get("metadata") if isinstance(body, dict) else None
    return isinstance(metadata, dict) and isinstance(metadata.get("reasons"), list)


def retry_after(header: str | None) -> float | None:
    """Seconds to wait, from a Retry-After header in either of its forms (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def _detail(error: Exception) -> str:
    """Type, code and request for the operator; the provider's own words may hold parts of a key and stay out."""
    facts = [type(error).__name__]
    if isinstance(error, openai.APIError) and error.code:
        facts.append(f"code {error.code}")
    if isinstance(error, openai.APIStatusError) and error.request_id:
        facts.append(f"request {error.request_id}")
    if error.__cause__ is not None:
        facts.append(f"caused by {type(error.__cause__).__name__}")
    return ", ".join(facts)[:_DETAIL_CHARS]
