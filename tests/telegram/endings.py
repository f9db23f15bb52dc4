"""What calls and updates end as that go wrong on their way, and what is to come of it.

``ENDINGS`` is the table of ``surfacehost_telegram.outcome``. What it leaves out is elsewhere: refused formatting,
texts that are too long and files that are not taken (test_whole_answers.py), a topic that is gone (test_whole.py), a
group that moved (test_process.py), a call that never left because nobody is there (tests/both/test_faults.py).
"""

from surfacehost_devkit.botapi import Fault, faults

REFUSED = "not done, and it never will be"
NOT_DONE = "certainly not done"
LOST = "not done, which nobody knows"
UNHEARD = "done, which nobody knows"

ENDINGS: dict[str, tuple[Fault, str]] = {
    "no right to write": (faults.error(400, "Bad Request: not enough rights to send text messages"), REFUSED),
    "a person who is gone": (faults.error(403, "Forbidden: user is deactivated"), REFUSED),
    "a stray 401": (faults.error(401, "Unauthorized"), NOT_DONE),
    "a stray 404": (faults.error(404, "Not Found"), NOT_DONE),
    "a penalty": (faults.too_many(1), NOT_DONE),
    "a penalty without a number": (faults.too_many(None), NOT_DONE),
    "a reset": (faults.reset(), LOST),
    "a hang": (faults.hang(), LOST),
    "a gateway": (faults.bad_gateway(), LOST),
    "an error of the server's": (faults.error(500, "Internal Server Error"), LOST),
    "garbage": (faults.garbage(), LOST),
    "ok: false": (faults.not_ok(), LOST),
    "a reset afterwards": (faults.drop_after(), UNHEARD),
    "a hang afterwards": (faults.hang(acts=True), UNHEARD),
    "half an answer": (faults.half(), UNHEARD),
    "a gateway afterwards": (faults.bad_gateway(acts=True), UNHEARD),
    "an error of the server's afterwards": (faults.error(500, "Internal Server Error", acts=True), UNHEARD),
    "garbage afterwards": (faults.garbage(acts=True), UNHEARD),
    "ok: false afterwards": (faults.not_ok(acts=True), UNHEARD),
}

HEARD: dict[str, dict[str, int]] = {
    "probe": {REFUSED: 0, NOT_DONE: 1, LOST: 1, UNHEARD: 1},
    "edit": {REFUSED: 0, NOT_DONE: 1, LOST: 1, UNHEARD: 1},
    "again": {REFUSED: 0, NOT_DONE: 1, LOST: 1, UNHEARD: 2},
    "once": {REFUSED: 0, NOT_DONE: 1, LOST: 0, UNHEARD: 1},
}
"""How often an answer comes, by ``delivery`` and by what became of the first call."""

GOING_BYTES = 12_345
"""How large the file is that goes before it can be sent."""

FILES: dict[str, tuple[str, str, Fault, str]] = {
    "not as a voice": (
        *("/demo shown 6", "sendVoice"),
        faults.error(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN"),
        "document",
    ),
    "not at all": (
        *("/demo file text 40", "sendDocument"),
        faults.error(400, "Bad Request: wrong type of the web page content"),
        "⚠️ Telegram does not take hello.txt (0.0 kB).\nDownload it here",
    ),
    "too large": (
        *("/demo file text 40", "sendDocument"),
        faults.answer(413, "<html>too large</html>"),
        "⚠️ hello.txt (0.0 kB) is too large for Telegram.\nDownload it here",
    ),
    "gone from the disk": (
        *(f"/demo file text {GOING_BYTES}", "sendDocument"),
        faults.too_many(4),
        "⚠️ Telegram does not take hello.txt (12.3 kB).",
    ),
    "lost": ("/demo file text 40", "sendDocument", faults.reset(), "document"),
    "unheard": ("/demo file text 40", "sendDocument", faults.drop_after(), "document"),
}
"""What is asked for, the call that goes wrong, how it does, and what comes of the file."""

ALBUM = "/demo shown 0 1 5"
ALBUMS: dict[str, tuple[str, ...]] = {
    # What Telegram has against an album it may not have against each of its files.
    "no right to write": ("photo", "photo", "video"),
    "a person who is gone": (),
    "a penalty": (TOGETHER := "photo+photo+video",),
    "a reset": (TOGETHER,),
    "a reset afterwards": (TOGETHER,),
    "half an answer": (TOGETHER,),
    "an error of the server's afterwards": (TOGETHER,),
}
"""By what becomes of the call that brings them all: as what the files of that answer are shown in the end."""
IN_TOPICS = ("a penalty", "a reset", "half an answer")
"""After which of these it is looked for an album in a topic as well."""

UNPARSED = "Bad Request: can't parse entities: no such thing"
"""How Telegram refuses formatting."""

DOWNLOADS: dict[str, Fault] = {
    "a reset": faults.reset(),
    "half a file": faults.half(),
    "a gateway": faults.bad_gateway(),
    "an error of the server's": faults.error(500, "Internal Server Error"),
    "a stray 401": faults.error(401, "Unauthorized"),
    "a penalty": faults.too_many(1),
    "gone": faults.error(404, "Not Found"),
}
"""What becomes of the call that fetches a file that somebody sent: the last is for good, the others are repeated."""

LISTENING: dict[str, Fault] = {
    # At first those after which the poll has been carried out: what it brought is in the answer that goes wrong.
    "a reset afterwards": faults.drop_after(),
    "half an answer": faults.half(),
    "garbage": faults.garbage(acts=True),
    "ok: false": faults.not_ok(acts=True),
    "a gateway afterwards": faults.bad_gateway(acts=True),
    "an error of the server's afterwards": faults.error(500, "Internal Server Error", acts=True),
    "a hang afterwards": faults.hang(acts=True),
    "a reset": faults.reset(),
    "a gateway": faults.bad_gateway(),
    "an error of the server's": faults.error(500, "Internal Server Error"),
    "a hang": faults.hang(),
}

BRINGING: dict[str, Fault] = {
    "a reset": faults.reset(),
    "a reset afterwards": faults.drop_after(),
    "half an answer": faults.half(),
    "a gateway": faults.bad_gateway(),
    "a gateway afterwards": faults.bad_gateway(acts=True),
    "garbage afterwards": faults.garbage(acts=True),  # not without: whoever says 200 has taken it
    "a hang": faults.hang(),
    "a hang afterwards": faults.hang(acts=True),
}
