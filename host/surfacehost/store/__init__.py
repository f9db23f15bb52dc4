"""The durable store: what was received, who works on it, what is to be sent.

An operation is a function over an open transaction (``inbox``, ``outbox``, ``notes``); a driver (``sqlite``) runs it:
``await database.tx(inbox.take, "telegram", 10)``. Operations touch nothing but the transaction and their arguments: a
driver may run them in another thread, many in one commit, and again when a commit fails.
"""
