"""The tables, and how a database of an older version becomes one of today's."""

from surfacehost.store.transaction import StoreRefused, Transaction

VERSION = 3

PROMPTS = """
create table prompt (                -- what the agent wants to be told before it goes on
    id integer primary key autoincrement,
    surface text not null,
    lane text not null,              -- the chat in which it was asked
    home text not null,              -- the lane whose conversation asks
    is_left integer not null default 0, -- 1: that chat has another conversation by now
    reply text not null,             -- id of the reply that shows it
    body text not null,              -- JSON: what is asked, who may decide, what can be said
    occasion text not null,          -- JSON: the event that tells the agent that its time has passed
    expires_at double precision not null, -- its time has passed then; after that: when the agent is told so again
    told integer not null default 0, -- how often the agent was to be told that its time has passed
    state text not null default 'open', -- open | expired | taken | closed
    taken_by integer,                -- the event that decided it
    resume text not null default '[]', -- JSON: what that says to the agent
    outcome text not null default ''
);
create index prompt_standing on prompt (home) where state <> 'closed';
create index prompt_due on prompt (expires_at) where state in ('open', 'expired');
create index prompt_taken on prompt (taken_by);
"""

TABLES = (
    """
create table surface (               -- one row per surface instance: who listens, and how far it is
    name text primary key,
    owner text,
    fence integer not null default 0,
    cursor text
);
create table note (                  -- what a surface remembers for itself; value is JSON
    surface text not null,
    key text not null,
    value text not null,
    primary key (surface, key)
);
create table thread (                -- the unit of claiming: one conversation
    lane text primary key,           -- its key in the first generation; with # behind it the fast lane of commands
    surface text not null,
    generation integer not null default 1,
    owner text,
    fence integer not null default 0,
    pending integer not null default 0,
    ready_at double precision not null default 0, -- not to be taken before
    paused_at double precision not null default 0 -- when that was written; in the future: the clock was set back
);
create table inbox (
    id integer primary key autoincrement,
    surface text not null,
    event_id text not null,
    lane text not null,
    body text not null,              -- JSON; empty where nobody will ask for it
    state text not null,             -- waiting | answered | done | ignored | refused | parked
    ends text not null default 'done', -- the state it will have once its answer has been sent
    attempts integer not null default 0,
    retried integer not null default 0, -- how often it was opened again: each is a new run, said anew
    suspect integer not null default 0, -- 1: known from a restored copy, so it may have been answered already
    received_at double precision not null,
    failed_at double precision,      -- the first failed attempt
    waited_s double precision not null default 0, -- the pauses after failed attempts, summed up: no clock to be set
    error text,
    shown text,                      -- JSON: what the surface noted with the preview of the answer
    finding text not null default '', -- what admission found: hasty, busy, or nothing
    gathered integer not null default 0, -- 1: what goes along with it is known, and stays so
    head integer,                    -- the event that it goes along with
    revised integer not null default 0, -- how often its words were changed after it had begun: each is a new run
    erased integer not null default 0, -- 1: taken back, to be forgotten once it is settled
    held integer,                    -- the question that it waits for: another person is to decide it
    stopped integer not null default 0, -- 1: its run was told to stop
    home text,                       -- the lane whose conversation it was taken into, whatever has been linked since
    generation integer,              -- … and which of it
    receipt text,                    -- JSON: what the command that it is has done, which is done once
    interrupter integer,             -- the event that stops its run
    asked_with integer,              -- … or itself: with which it is asked once more, that run having ended
    mark text,                       -- ours, on the person's message, from just before it is put until it is gone
    unique (surface, event_id)
);
create table piece (                 -- of what is shown as one, an album say; for some minutes
    id integer primary key autoincrement,
    surface text not null,
    event_id text not null,
    lane text not null,
    bundle text not null,            -- who sent it, and what it goes with
    body text not null,              -- JSON: kept in case it is for the bot; empty: it was, and so is the rest
    received_at double precision not null,
    unique (surface, event_id)
);
create table outbox (
    id integer primary key autoincrement,
    inbox integer not null references inbox (id),
    surface text not null,
    reply text not null,             -- the reply's id: its idempotency key
    kind text not null,
    body text not null,              -- JSON, frozen: a repeat says the same to the letter
    state text not null,             -- waiting | sending | doubtful | sent | refused
    note text,                       -- JSON: what the surface wrote down before it handed the part to its platform
    unique (surface, reply)
);
create table person (                -- who was let in, besides those whom the settings name
    surface text not null,
    person text not null,
    role text not null,              -- guest | owner
    since double precision not null,
    primary key (surface, person)
);
create table pairing (               -- who asked to be let in, with the code that they were told
    surface text not null,
    person text not null,
    code text not null,
    asked_at double precision not null,
    primary key (surface, person)
);
create table wrong_code (            -- codes that were none, and who tried them
    surface text not null,
    person text not null,
    at double precision not null
);
create table link (                  -- direct chats of one person, by the two codes of /link
    lane text primary key,           -- the conversation's key in its first generation
    surface text not null,
    person text not null,
    account text not null,           -- the same for all chats of the person
    home text not null,              -- the lane whose conversation it goes on with
    since double precision not null
);
create table linking (               -- the first code: told in one chat, to be said in another
    lane text primary key,
    surface text not null,
    person text not null,
    code text not null,
    told_at double precision not null,
    other_lane text,                 -- where it was said, and by whom
    other_surface text,
    other_person text,
    second text                      -- the code that was told there, to be said in the first chat
);
create table moved (                 -- chats with another id than their conversations began under
    surface text not null,
    chat text not null,              -- the present id
    was text not null,               -- the first one: conversations keep it
    primary key (surface, chat)
);
create index thread_ready on thread (surface, ready_at) where pending = 1 and owner is null;
create index inbox_open on inbox (lane, id) where state in ('waiting', 'answered');
create index inbox_parked on inbox (surface, id) where state = 'parked';
create index inbox_handled on inbox (received_at) where state in ('done', 'ignored', 'refused');
create index inbox_said on inbox (lane, id) where state in ('done', 'refused', 'parked');
create index inbox_along on inbox (head) where head is not null;
create index inbox_asked_with on inbox (asked_with) where asked_with is not null;
create index inbox_held on inbox (held) where held is not null;
create index inbox_marked on inbox (surface) where mark is not null;
create index outbox_of on outbox (inbox, id);
create table meta (key text primary key, value text not null);
"""
    + PROMPTS
)


_OPEN_QUESTIONS = """
insert into prompt (surface, lane, home, reply, body, occasion, expires_at)
    select surface, lane, lane, '', json_object('question', '', 'person', '', 'options', json('[]'), 'interrupts',
        json((select json_group_array(json_extract(value, '$.id')) from json_each(interrupts)))), '', 1e15
    from thread where interrupts <> '[]';
alter table thread drop column interrupts;
"""
"""What version 2 knew of what the agent waits to be told."""

MIGRATIONS = {
    1: """
alter table inbox add column retried integer not null default 0;
alter table inbox add column suspect integer not null default 0;
alter table inbox add column waited_s double precision not null default 0;
alter table thread add column paused_at double precision not null default 0;
alter table outbox add column note text;
update outbox set note = '{}' where state in ('sending', 'doubtful');
create index inbox_handled on inbox (received_at) where state in ('done', 'ignored', 'refused');
""",
    2: """
alter table inbox add column shown text;
alter table inbox add column finding text not null default '';
create index inbox_said on inbox (lane, id) where state in ('done', 'refused', 'parked');
create table person (
    surface text not null,
    person text not null,
    role text not null,
    since double precision not null,
    primary key (surface, person)
);
create table pairing (
    surface text not null,
    person text not null,
    code text not null,
    asked_at double precision not null,
    primary key (surface, person)
);
create table wrong_code (
    surface text not null,
    person text not null,
    at double precision not null
);
create table link (
    lane text primary key,
    surface text not null,
    person text not null,
    account text not null,
    home text not null,
    since double precision not null
);
create table linking (
    lane text primary key,
    surface text not null,
    person text not null,
    code text not null,
    told_at double precision not null,
    other_lane text,
    other_surface text,
    other_person text,
    second text
);
alter table inbox add column gathered integer not null default 0;
alter table inbox add column head integer;
alter table inbox add column revised integer not null default 0;
alter table inbox add column erased integer not null default 0;
alter table inbox add column stopped integer not null default 0;
alter table inbox add column home text;
alter table inbox add column generation integer;
alter table inbox add column receipt text;
alter table inbox add column held integer;
create index inbox_held on inbox (held) where held is not null;
alter table inbox add column interrupter integer;
alter table inbox add column asked_with integer;
alter table inbox add column mark text;
create index inbox_marked on inbox (surface) where mark is not null;
create index inbox_asked_with on inbox (asked_with) where asked_with is not null;
create index inbox_along on inbox (head) where head is not null;
create table moved (
    surface text not null,
    chat text not null,
    was text not null,
    primary key (surface, chat)
);
create table piece (
    id integer primary key autoincrement,
    surface text not null,
    event_id text not null,
    lane text not null,
    bundle text not null,
    body text not null,
    received_at double precision not null,
    unique (surface, event_id)
);
"""
    + PROMPTS
    + _OPEN_QUESTIONS,
}
"""What makes a database of the version before the next one."""


async def migrate(tx: Transaction, *, is_new: bool) -> None:
    """Bring the database to this version, or refuse one that a newer surfacehost wrote. Raises StoreRefused."""
    if is_new:
        await _run_all(tx, TABLES)
        await tx.run("insert into meta (key, value) values ('version', :version)", version=str(VERSION))
        return
    found = await version_of(tx)
    if found > VERSION:
        raise StoreRefused(
            f"the database has version {found}, this surfacehost works with {VERSION}: use the version that wrote it"
        )
    for version in range(found, VERSION):
        await _run_all(tx, MIGRATIONS[version])
    await tx.run("update meta set value = :version where key = 'version'", version=str(VERSION))


async def version_of(tx: Transaction) -> int:
    """The version of the tables."""
    return int((await tx.rows("select value from meta where key = 'version'"))[0]["value"])


async def _run_all(tx: Transaction, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            await tx.run(statement)
