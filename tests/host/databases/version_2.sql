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
    interrupts text not null default '[]',
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
    retried integer not null default 0, -- how often the operator asked for another try: each is a new run, said anew
    suspect integer not null default 0, -- 1: known from a restored copy, so it may have been answered already
    received_at double precision not null,
    failed_at double precision,      -- the first failed attempt
    waited_s double precision not null default 0, -- the pauses after failed attempts, summed up: no clock to be set
    error text,
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
create index thread_ready on thread (surface, ready_at) where pending = 1 and owner is null;
create index inbox_open on inbox (lane, id) where state in ('waiting', 'answered');
create index inbox_parked on inbox (surface, id) where state = 'parked';
create index inbox_handled on inbox (received_at) where state in ('done', 'ignored', 'refused');
create index outbox_of on outbox (inbox, id);
create table meta (key text primary key, value text not null);
insert into meta (key, value) values ('version', '2');
insert into surface (name, cursor) values ('toy', '7');
insert into thread (lane, surface, pending) values ('1/toy/ann/c/~', 'toy', 1);
insert into inbox (surface, event_id, lane, body, state, received_at) values ('toy', 'c0', '1/toy/ann/c/~', '', 'done', 1);
insert into inbox (surface, event_id, lane, body, state, received_at) values ('toy', 'c1', '1/toy/ann/c/~',
    '{"kind":"Message","surface":"toy","id":"c1","chat":"c","sender":"ann","direct":true,"text":"text 1"}', 'waiting', 2);
