"""The named steps of a message's way, as places where the host is killed.

Three kinds: what the store does (``before`` a transaction, ``inside`` one that is not yet committed, ``after`` its
commit), the steps that the host itself names (``surfacehost.ways.Step``), and what goes over the network (``before`` a
request, ``after`` its answer came in and before anybody has looked at it). A surface adds its own calls.

A test lets messages go their way through the real host, notes every step that is passed, and compares with this list:
a step that is added to the code and not here fails it.
"""

from collections.abc import Mapping

HOST: Mapping[str, str] = {
    "ingest before": "read from the platform, nowhere stored: the platform tells it again",
    "ingest inside": "the same: event and cursor are one transaction",
    "stored": "on the disk, the platform not told: it tells it again, and it is known",
    "take before": "the same, and the platform has been told",
    "take inside": "nobody's claim: it is taken at the next start",
    "taken": "the claim of a host that is gone: set free at the next start",
    "asked": "the agent may not have heard: it is asked",
    "ask before": "the same",
    "ask after": "the agent has heard: it is asked again under the same run id",
    "hear before": "the same",
    "hear after": "the same, in the middle of an answer",
    "answer before": "the answer is known, and not stored: the agent is asked again under the same run id",
    "answer inside": "the same: the parts of an answer are one transaction",
    "answered": "the answer is on the disk: it is sent, and nobody is asked",
    "explain before": "an error is known, its sentence not stored: the agent is asked again under the same run id",
    "explain inside": "the same",
    "explain after": "the sentence is on the disk: it is sent, and nobody is asked",
    "send_next before": "nothing of this part has left: it is sent",
    "send_next inside": "the same",
    "send_next after": "it counts as being sent, and has not left: it comes again, marked as repeated",
    "sent": "it has arrived, and is not yet marked so: it comes again, marked as repeated",
    "settle before": "all has arrived, the last mark is missing: the last part comes again, marked as repeated",
    "settle inside": "all is marked as sent: nothing is left but to settle it",
    "settled": "done with",
}
"""Steps that a message of every surface passes, and what becomes of it when the host dies there."""

AT_START: Mapping[str, str] = {
    "migrate before": "nothing has begun",
    "migrate inside": "the database is as it was",
    "migrate after": "it is of today's version",
    "recognise before": "a copy of the data is still marked as one",
    "recognise inside": "the same: the mark goes in the transaction that makes what is open doubtful",
    "recognise after": "what is open is doubtful, and stays so",
    "elect before": "nothing is taken over",
    "elect inside": "what the last host had claimed is still claimed by it: it is set free at the next start",
    "elect after": "the same as before the first message",
}
"""Steps of a start with messages waiting."""

ASIDE: Mapping[str, str] = {
    "note_preview before": "a preview is shown and not noted: what is said comes beside it",
    "note_preview inside": "the same",
    "note_preview after": "what is said replaces the preview",
    "note_mark before": "there is no mark, or one that is noted: it goes when its message is done with",
    "note_mark inside": "the same",
    "note_mark after": "the same, or none is noted and none is there",
    "knock before": "a stranger was told nothing: they are at the next start",
    "knock inside": "the same",
    "knock after": "there is a code: they are told that one",
    "take_prompt before": "a question stands as it stood: the same message decides it again",
    "take_prompt inside": "the same",
    "take_prompt after": "it is decided, the agent has not heard: it is told under the same run id",
    "tell_decided before": "the agent has heard and the question still looks open: it is shown then",
    "tell_decided inside": "the same",
    "tell_decided after": "what the question came to is on the disk: it is sent, and the agent asked again",
    "show_elsewhere before": "the agent has heard, and the question looks open where it was asked: it is shown then",
    "show_elsewhere inside": "the same",
    "show_elsewhere after": "it is that chat's turn to show what the question came to",
    "expire before": "a question stands longer than it should",
    "expire inside": "the same",
    "expire after": "it is the thread's turn to tell the agent",
    "give_up before": "nothing is stopped: it is at the next start",
    "give_up inside": "the same",
    "give_up after": "what waited is given up, and the person is told how much that was",
    "decide before": "an owner's word about who asks to be let in has done nothing: it does at the next start",
    "decide inside": "the same",
    "decide after": "it is done, and the owner is told so",
    "offer before": "there is no code yet to link chats with: one is made",
    "offer inside": "the same",
    "offer after": "there is a code: it is told",
    "claim before": "the first code is still good, and taken at the next start",
    "claim inside": "the same",
    "claim after": "it is taken, and the second one told at the next start",
    "confirm before": "nothing is linked: it is at the next start",
    "confirm inside": "the same",
    "confirm after": "two chats are linked, and the person is told so",
    "undo before": "two chats are still linked: they are unlinked at the next start",
    "undo inside": "the same",
    "undo after": "they are not linked any more, and the person is told so",
    "say before": "nobody was promised that it is said: it can be sent again under its name",
    "say inside": "the same",
    "say after": "it is in the inbox, and said like an answer",
    "acknowledge before": "a message waits, and nobody is told",
    "acknowledge inside": "the same",
    "acknowledge after": "it is said that it waits, perhaps after the answer",
    "hurry before": "a thread waits longer than it need",
    "hurry inside": "the same",
    "hurry after": "it is taken at the next start",
    "forget before": "what is old is still there, and goes after the next start",
    "forget inside": "the same",
    "forget after": "some of it is gone, the rest goes likewise",
}
"""Steps of what the host does beside messages, and now and then: no message moves in them."""

MARKED = frozenset({"ingest", "take", "answer", "settle"})
"""Transactions right behind which the host names a step: that one stands for their ``after``."""

READS = frozenset(
    {
        "queue",
        "decided",
        "latest",
        "waiting",
        "next_ready",
        "counts",
        "read",
        "read_one",
        "standing_marks",
        "is_waiting",
        "is_due",
        "last_restored",
        "_data_version",
    }
)
"""Transactions that change nothing: dying in one of them is dying beside it."""
