"""Answers by a model: any provider with an OpenAI-compatible chat completions endpoint."""

import asyncio
import difflib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from platform_agent import events
from platform_agent.backend import AgentError
from platform_agent.events import Event, Frame
from platform_agent.heartbeat import with_heartbeat
from platform_agent.offline import attachment_line
from platform_agent.provider_errors import classify
from platform_agent.threads import Thread
from platform_agent.wire import Turn, parts

_log = logging.getLogger(__name__)

RETRIES = 2
RETRIED = ("rate_limited", "overloaded", "unreachable")
MAX_WAIT_S = 20
# The client takes two minutes without an event for a fault; models that think silently may need longer.
HEARTBEAT_S = 45.0
FIRST_PAUSE_S = 1.0
_READ_TIMEOUT_S = 300
_CONNECT_TIMEOUT_S = 10


class Misconfigured(Exception):
    """The provider and these settings do not fit together; the text says why."""


@dataclass(slots=True)
class _Attempt:
    """How far one request to the provider has come."""

    streaming: bool = False
    text: str = ""
    reasoning: bool = False
    finish_reason: str | None = None
    usage: CompletionUsage | None = None


class OpenAIBackend:
    """One model at one provider."""

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        system_prompt: str = "",
        heartbeat_s: float = HEARTBEAT_S,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._heartbeat_s = heartbeat_s
        self._first_pause_s = first_pause_s
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._system_prompt = system_prompt
        self._client = openai.AsyncOpenAI(
            api_key=api_key or "none",  # local servers want a header, whatever is in it
            base_url=base_url,
            max_retries=0,  # retries are ours: the SDK's are silent and ignore how long the person has waited
            timeout=openai.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        )

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._client.close()

    async def check(self) -> None:
        """Ask the provider for its models; `Misconfigured` if it refuses the key or has no such model.

        A provider that is away, or has no list, is no reason not to start.
        """
        if (self._api_key or "").startswith("sk-or-") and urlsplit(self._base_url).hostname != "openrouter.ai":
            raise Misconfigured(f"this is a key of OpenRouter, and {self._base_url} is another provider")
        try:
            models = [model.id async for model in self._client.models.list()]
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise Misconfigured(f"{self._base_url} refuses the key ({error.status_code})") from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            # The last three: the SDK reads what is not a list of models without checking it.
            _log.warning("the models of %s cannot be listed (%s)", self._base_url, type(error).__name__)
            return
        if self._model not in models:
            raise Misconfigured(self._no_such_model(models))

    def _no_such_model(self, models: list[str]) -> str:
        sentence = f"{self._base_url} has no model {self._model!r}"
        if "/" in self._model and not any("/" in name for name in models):
            return f"{sentence}: names with a vendor before a slash belong to another provider"
        nearest = difflib.get_close_matches(self._model, models, n=3, cutoff=0.3)
        return f"{sentence}; the nearest: {', '.join(nearest)}" if nearest else sentence

    async def run(self, thread: Thread, turn: Turn) -> AsyncGenerator[Frame, None]:
        """Stream the model's answer; before its first piece, try again where that can help."""
        if not turn.is_message:
            raise AgentError("protocol", "this agent asks no questions, so there is nothing to resume")
        yield events.started(turn.run_id)
        for attempts_left in range(RETRIES, -1, -1):
            attempt = _Attempt()
            try:
                async with aclosing(self._answer(thread, turn, attempt)) as answer:
                    async for event in answer:
                        yield event
            except (openai.OpenAIError, ValueError) as error:  # ValueError: a line of the stream is not JSON
                problem = classify(error, streaming=attempt.streaming)
            else:
                for event in _ending(turn, attempt):
                    yield event
                return
            wait = _pause(problem, attempts_left, self._first_pause_s, begun=bool(attempt.text or attempt.reasoning))
            if wait is None:
                raise problem
            yield events.status("provider busy, retrying")
            await asyncio.sleep(wait)

    async def _answer(self, thread: Thread, turn: Turn, attempt: _Attempt) -> AsyncGenerator[Event, None]:
        source = self._chunks(thread, turn, attempt)
        async with aclosing(with_heartbeat(source, self._heartbeat_s)) as chunks:
            async for chunk in chunks:
                for event in [events.status("thinking")] if chunk is None else _read(turn, chunk, attempt):
                    yield event

    async def _chunks(self, thread: Thread, turn: Turn, attempt: _Attempt) -> AsyncGenerator[ChatCompletionChunk, None]:
        stream = await self._client.chat.completions.create(
            model=self._model,
            messages=messages(thread, turn, self._system_prompt),
            stream=True,
            stream_options={"include_usage": True},
        )
        async with stream:
            attempt.streaming = True
            async for chunk in stream:
                yield chunk


def messages(thread: Thread, turn: Turn, system_prompt: str) -> list[ChatCompletionMessageParam]:
    """The conversation as the provider wants it.

    Two messages of the person in a row (after a run that failed) become one: some models' templates insist on turns.
    """
    told: list[dict[str, Any]] = [{"role": "system", "content": system_prompt}] if system_prompt else []
    for said in thread.said:
        if told and told[-1]["role"] == said.role:
            told[-1]["content"] += f"\n\n{said.text}"
        else:
            told.append({"role": said.role, "content": said.text})
    before = told.pop()["content"] + "\n\n" if told and told[-1]["role"] == "user" else ""
    told.append({"role": "user", "content": _content(turn, before)})
    return cast("list[ChatCompletionMessageParam]", told)


def _content(turn: Turn, before: str) -> str | list[dict[str, Any]]:
    """The new words, and pictures that came inside the frame; other attachments are named."""
    words, pictures = [before + turn.text], []
    for part in parts(turn.messages):
        source = part.get("source")
        if part.get("type") == "image" and isinstance(source, dict) and source.get("type") == "data":
            url = f"data:{source.get('mimeType')};base64,{source.get('value')}"
            pictures.append({"type": "image_url", "image_url": {"url": url}})
        elif part.get("type") != "text":
            words.append(attachment_line(part))
    text = "\n".join(words)
    return [{"type": "text", "text": text}, *pictures] if pictures else text


def _read(turn: Turn, chunk: ChatCompletionChunk, attempt: _Attempt) -> list[Event]:
    """The events of one chunk; the SDK does not check what it reads, so nothing is taken for granted."""
    attempt.usage = getattr(chunk, "usage", None) or attempt.usage
    found: list[Event] = []
    for choice in getattr(chunk, "choices", None) or []:
        attempt.finish_reason = getattr(choice, "finish_reason", None) or attempt.finish_reason
        found += _pieces(turn, getattr(choice, "delta", None), attempt)
    return found


def _pieces(turn: Turn, delta: Any, attempt: _Attempt) -> list[Event]:  # noqa: ANN401 - unchecked, as said above
    """The events of one piece of the stream."""
    if getattr(delta, "refusal", None):
        raise AgentError("content_refused", "the model refused")
    found: list[Event] = []
    thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
    if isinstance(thought, str) and thought and not attempt.text:
        found += [] if attempt.reasoning else events.begin_reasoning(turn)
        attempt.reasoning = True
        found.append(events.add_reasoning(turn, thought))
    text = getattr(delta, "content", None)
    if isinstance(text, str) and text:
        if not attempt.text:
            found += events.end_reasoning(turn) if attempt.reasoning else []
            found.append(events.begin_text(_message_id(turn)))
        attempt.text += text
        found += events.add_text(_message_id(turn), text)
    return found


def _message_id(turn: Turn) -> str:
    return f"{turn.run_id}-answer"


def _ending(turn: Turn, attempt: _Attempt) -> list[Event]:
    """What ends the run, by the reason the provider gave."""
    if attempt.finish_reason == "content_filter":
        raise AgentError("content_refused", "the provider's content filter")
    if attempt.finish_reason is None and not attempt.text:
        raise AgentError("protocol", "the provider sent no chat completion")
    if attempt.finish_reason is None:
        raise AgentError("lost", "the provider's stream ended without a finish_reason")
    result: Event | None = {"stopReason": "length"} if attempt.finish_reason == "length" else None
    return [events.finished(turn.run_id, result=result, usage=_usage(attempt.usage))]


def _usage(usage: CompletionUsage | None) -> list[Event] | None:
    counts = {
        "inputTokens": getattr(usage, "prompt_tokens", None),
        "outputTokens": getattr(usage, "completion_tokens", None),
    }
    known = {name: count for name, count in counts.items() if isinstance(count, int) and count >= 0}
    return [known] if known else None


def _pause(problem: AgentError, attempts_left: int, first_pause_s: float, *, begun: bool) -> float | None:
    """Seconds until the next attempt, or None: text that somebody may have seen is never begun anew."""
    if begun or not attempts_left or problem.code not in RETRIED:
        return None
    wait = problem.retry_after if problem.retry_after is not None else first_pause_s * (RETRIES + 1 - attempts_left)
    return wait if wait <= MAX_WAIT_S else None
