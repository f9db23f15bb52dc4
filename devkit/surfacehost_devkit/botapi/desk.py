"""One call from the wire to its answer: faults, token, flood limits, the method, the log."""

import inspect
import json
import logging

from surfacehost_devkit.botapi.calls import CallRecord
from surfacehost_devkit.botapi.errors import ApiError
from surfacehost_devkit.botapi.methods import METHODS, Call
from surfacehost_devkit.botapi.methods.albums import count_of
from surfacehost_devkit.botapi.model import Json
from surfacehost_devkit.botapi.params import Params
from surfacehost_devkit.botapi.state import State
from surfacehost_devkit.faults import Answer, Fault

log = logging.getLogger(__name__)


def refusal(refused: ApiError) -> Answer:
    """A refusal as the server words it."""
    body: Json = {"ok": False, "error_code": refused.code, "description": refused.description}
    if refused.parameters:
        body["parameters"] = refused.parameters
    return Answer(status=refused.code, body=json.dumps(body).encode())


async def serve_call(state: State, token: str, method: str, params: Params) -> Answer:
    """Carry out one call, or let it go wrong as planned."""
    bot = state.bots.get(token)
    record = CallRecord(
        number=state.calls.next_number(),
        bot_id=bot.id if bot else 0,
        method=method,
        params=dict(params.fields),
        started=state.clock.wall(),
        files={name: len(upload.data) for name, upload in params.files.items()},
    )
    state.calls.records.append(record)
    fault = state.faults.take(method) or state.faults.take(f"{method} {record.chat_id or record.bot_id}")
    try:
        answer = await (
            _with_fault(state, token, record, params, fault) if fault else _act(state, token, record, params)
        )
    finally:
        record.ended = state.clock.wall()
        state.bell.ring()
    record.status = answer.status if answer.ending == "whole" else 0
    return answer


async def _with_fault(state: State, token: str, record: CallRecord, params: Params, fault: Fault) -> Answer:
    record.fault = fault.kind
    state.bell.ring()
    answer = await state.faults.meet(fault, lambda: _act(state, token, record, params))
    if not record.outcome:
        record.outcome = fault.kind
    return answer


async def _act(state: State, token: str, record: CallRecord, params: Params) -> Answer:
    try:
        result = await _result(state, token, record.method, params)
    except ApiError as refused:
        record.outcome = refused.description
        return refusal(refused)
    except Exception as broken:  # a mistake in the simulator: the client sees a 500, the log and the record the cause
        log.exception("the simulator failed at %s", record.method)
        record.outcome = f"simulator failed: {broken!r}"
        return refusal(ApiError(500, f"Internal Server Error: {type(broken).__name__}"))
    record.outcome = "ok"
    return Answer(status=200, body=json.dumps({"ok": True, "result": result}).encode())


async def _result(state: State, token: str, method: str, params: Params) -> object:
    bot = state.bots.get(token)
    if bot is None:
        raise ApiError(401, "Unauthorized" if ":" in token else "Unauthorized: invalid token specified")
    known = METHODS.get(method.lower())
    if known is None:
        raise ApiError(404, "Not Found: method not found")
    count = count_of(params) if method.lower() == "sendmediagroup" else 1
    state.flood.charge(bot.id, params.text("chat_id"), method.lower(), state.clock.steady(), count)
    result = known(Call(state=state, bot=bot, params=params))
    return await result if inspect.isawaitable(result) else result
