"""Every limit of Sixin in one file, each with its reason. Sizes in bytes, times in the unit of the name."""

from typing import Final

INT64_MAX: Final = 2**63 - 1
"""Ids are signed 64-bit integers in every storage engine."""

SAFE_INTEGER_MAX: Final = 2**53 - 1
"""The largest integer JavaScript holds exactly; every number on the wire stays at or below it."""

SLOTS: Final = 10_000
"""The last four decimal digits of a `msg_id` (docs/glossary.md)."""

CONTENT_BYTES_MAX: Final = 16 * 1024
"""The canonical encoding of one `content` (docs/protocol.md)."""

CONTENT_DEPTH_MAX: Final = 32
"""Objects and lists inside one `content`: no message needs more, and every reader of it recurses."""

FRAME_BYTES_MAX: Final = 128 * 1024
"""One frame or HTTP body: a full `content` in which every character is escaped (`\\uXXXX`) is 96 KiB."""

SEQ_ID_MAX: Final = SAFE_INTEGER_MAX
"""Devices make them, in JavaScript too."""

PAGE_MESSAGES_DEFAULT: Final = 50
"""A few screens of a conversation."""

PAGE_MESSAGES_MAX: Final = 500
"""What a device far behind may take at once; `PAGE_BYTES_MAX` bounds it as well."""

PAGE_CONTACTS_DEFAULT: Final = 100
PAGE_CONTACTS_MAX: Final = 1_000
"""A contact list is pulled whole by a new device: most have it after one page."""

PAGE_HIDDEN_MAX: Final = 1_000
"""Ids alone, so a page is small. At least `DELETE_MESSAGES_MAX`, because a page never splits what one delete hid."""

PAGE_BYTES_MAX: Final = 512 * 1024
"""The contents, or previews and labels, of one page together. A page that would pass it ends early and says `more`."""

DELETE_MESSAGES_MAX: Final = 100
"""Messages one `delete` may name: the batch it runs in stays short."""

LABELS_MAX: Final = 20
LABEL_CHARS_MAX: Final = 32
"""Labels are written again with every change of their contact: 20 of 32 characters are at most 2.5 KiB."""

DEVICE_ID_CHARS_MAX: Final = 64
"""A UUID, or whatever a phone calls itself; it stands in logs."""

TOKEN_CHARS_MAX: Final = 4_096
"""A JWT with the claims of an application; checking one costs time in proportion."""

NAME_CHARS_MAX: Final = 64
URL_CHARS_MAX: Final = 1_024
"""Signed addresses of object stores are long; some hundred of their characters are the signature."""

RECALL_WINDOW_MS: Final = 120_000
"""How long a sender may take a message back, by the server's clock (docs/protocol.md)."""

PINNED_SORT_KEY_BASE: Final = 2**52
"""Added to the `sort_key` of a pinned contact: above every unpinned one, below 2^53. An owner would need
2^52 changes to reach it: 142,000 years at a thousand changes a second."""

BATCH_COMMANDS_MAX: Final = 512
"""Commands of one commit: enough to share an fsync, few enough that the last one does not wait for long."""

FOLLOWING_COMMANDS_MIN: Final = 128
"""So many must wait before a batch is handed over while another one is still being written: fewer would give away the
fsync that they could share with those that come meanwhile."""

WRITER_QUEUE_MAX: Final = 20_000
"""Commands waiting for the writer. About one second of work; past it a caller is told `unavailable`."""

READS_WAITING_MAX: Final = 10_000
"""Reads waiting for the store. Past it a caller is told `unavailable`."""

EXPIRY_LOOK_S: Final = 60.0
"""How often a connection looks whether its token has expired. A timer for that moment would be enough, were it not for
clocks that are put right, and machines that slept: this is the bound then."""

REVOCATIONS_POLL_S: Final = 5.0
"""How often a node that shares its database looks for revoked tokens: the bound when the bus loses the notice."""

STORE_TIMEOUT_S: Final = 30.0
"""A store that has not answered by then is taken for dead."""

STORE_ATTEMPTS_MAX: Final = 5
"""How often a batch is begun that collides with other nodes. Locks are taken in one order, so even one is rare."""

DISTRUST_BATCHES_MAX: Final = 64
"""Batches that lock before they decide, after others have changed again and again what was remembered: where nodes
write the same, one batch in 65 is begun twice."""

POSTGRES_READERS_MAX: Final = 8
"""Connections of one node that read, beside the one that writes. Four kept two cores of PostgreSQL busy."""

POSTGRES_READ_BATCHES_MAX: Final = 4
"""Batches of reads that one node has under way at once. With more of them fewer reads share one."""

POSTGRES_READ_ROWS_MAX: Final = 2_048
"""Rows that one batch of reads may bring: of the largest messages 32 MiB, of usual ones what forty devices ask for."""

POSTGRES_OPEN_WAIT_S: Final = 15.0
"""How long a starting node waits for a PostgreSQL that is starting too."""

POSTGRES_LOCK_TIMEOUT_S: Final = 15.0
"""How long a statement waits for a table that somebody has locked."""

POSTGRES_HELD_AFTER_S: Final = 0.3
"""How long a batch waits for a row, before it goes on without the commands that name what is held: many times what
a batch of another node takes, and less than anybody notices (docs/faults.md)."""

POSTGRES_IDLE_IN_TRANSACTION_S: Final = 1.0
"""A node that does nothing for so long in the middle of a batch is paused or cut off, and others need its rows. The
largest batch, 8 MiB, comes in that time through 100 Mbit/s."""

ASIDE_RETRY_S: Final = 0.1
"""How often it is looked whether rows that somebody else held were let go: one round trip, while there are any."""

ASIDE_MAX_S: Final = 15.0
"""How long a command waits for rows that somebody else holds. Then it is refused, and nothing of it was written."""

POSTGRES_ROLLBACK_TIMEOUT_S: Final = 2.0
"""After it, a connection is given up rather than rolled back, or closed in order; the server then rolls back by itself.
A node that drains waits for it, so it is short."""

POSTGRES_CANCEL_TIMEOUT_S: Final = 1.0
"""How long the server may take to confirm that it has stopped what nobody waits for any more. After it, the connection
is given up."""

HELLO_TIMEOUT_S: Final = 5.0
"""A connection that has not said who it is by then is closed (docs/protocol.md)."""

CONNECTION_REQUESTS_MAX: Final = 256
"""Requests of one connection that wait for an answer; past it the connection is not read from."""

CONNECTION_ANSWERS_BYTES_MAX: Final = 64 * 1024
"""Answers a connection has not taken yet; past it, it is not read from. Who asks for much gets it as fast as he reads,
and is never taken for a slow reader because of it: with one pull at a time, this and a full page stay below
`CONNECTION_BUFFER_BYTES_MAX`."""

CONNECTION_BUFFER_BYTES_MAX: Final = 1024 * 1024
"""A reader this far behind is gone or stuck. We close it; it pulls when it is back."""

NOTICE_BYTES_MAX: Final = 4 * 1024
"""A notice carries the change itself up to this size; above it, the device pulls."""

CONNECTIONS_PER_USER_MAX: Final = 64
"""Devices of one user at the same time: every notice is written to each of them."""

DRAIN_TIMEOUT_S: Final = 10.0
"""How long a server that was told to stop waits for its last batch and its connections."""

LET_IN_S: Final = 0.25
"""How long it waits, before it refuses anything, for the requests of whom it had let in: a balancer that has a
connection asks at once, and one whose request is refused may not repeat it at another node."""

TAIL_ROWS_MAX: Final = 128
"""Rows of one timeline that are kept in memory: more than a page."""

CONTACT_TAIL_ROWS_MAX: Final = 16_384
"""The same for a user's contacts, some 8 MB of them. A pull of messages asks for its reader's line first: with fewer
rows than he has conversations, catching up with them goes to the store for nearly each, though their messages are at
hand. All tails together are bounded by the cache."""

SQLITE_CACHE_KIB: Final = 400_000
"""Pages of the file that a connection may keep in memory, as measured (docs/storage.md)."""

SQLITE_CHECKED_BYTES_MAX: Final = 256 * 1024 * 1024
"""A file up to this size is checked when it is opened: about a second (docs/storage.md). A larger one is not."""

SQLITE_OPEN_TIMEOUT_S: Final = 600.0
"""A process of the store that has not opened its file by then is taken for dead. It may have to migrate gigabytes."""

SQLITE_LOCK_WAIT_S: Final = 5.0
"""How long a starting server waits for the writer of one that was killed to be gone."""

SQLITE_WAL_BYTES_MAX: Final = 64 * 1024 * 1024
"""A write-ahead log larger than this is emptied between two batches, whoever waits meanwhile."""

SQLITE_CHECKPOINT_EVERY_S: Final = 0.25
"""How often the write-ahead log is copied into the file, beside the commits: little to do each time."""

SQLITE_WIPE_WITHIN_S: Final = 0.5
"""How long after a recall its content may still be in the write-ahead log; recalls until then share the work."""

SQLITE_RESTART_MIN_S: Final = 0.1
SQLITE_RESTART_MAX_S: Final = 5.0
"""How long a process of the store that died stays dead: at first, and after having died again and again."""

CATCH_UP_EVERY_S: Final = 5.0
"""How often the users of a node are told how far their timelines have come, while nobody else can tell it."""

STORE_PROBE_EVERY_S: Final = 1.0
STORE_PROBE_TIMEOUT_S: Final = 3.0
"""How often a shared database is asked whether it answers, and how long it may take to: /readyz tells."""
# What a client keeps and asks for.

OUTBOX_MAX: Final = 10_000
"""Entries one device keeps for the server: days of writing without a link. Past it, `send` is refused."""

EVENTS_MAX: Final = 1_000
"""Events waiting for one reader. Past it they become a single `Resync`: the store has it all."""

FAR_BEHIND_VERSIONS: Final = 1_000
"""A device further behind in a session fetches its newest page and leaves a hole: two full pages of changes are
quicker to read than to ask about."""

PULLS_IN_FLIGHT_MAX: Final = 8
"""Sessions a device catches up with at the same time: enough to hide the way, few enough to leave the server's
`CONNECTION_REQUESTS_MAX` to what a person waits for."""

ENTRIES_IN_FLIGHT_MAX: Final = 32
"""Sessions whose outbox entry is under way at the same time; one each, so that order holds."""

CALLS_IN_FLIGHT_MAX: Final = 16
"""Operations a program waits for at the same time on one connection; the next ones queue behind them."""

CALLS_WAITING_MAX: Final = 1_000
"""Operations that may queue so; past it they are refused as `unavailable`."""

CONNECT_TIMEOUT_S: Final = 10.0
"""From the first packet to the answered hello."""

REQUEST_TIMEOUT_S: Final = 20.0
"""A connection that leaves a request unanswered for so long is dead; the request is asked again on the next."""

KEEPALIVE_S: Final = 20.0
"""Between two pings of a quiet connection: below the 30 to 60 s after which routers forget one."""

RECONNECT_FIRST_S: Final = 0.5
RECONNECT_MAX_S: Final = 30.0
"""Between two attempts, doubled each time, a random part of it waited: a crowd does not come back at once."""

STEADY_CONNECTION_S: Final = 10.0
"""A connection that lived so long was a good one: the next attempt starts at `RECONNECT_FIRST_S` again."""

CHAT_TIMER_S: Final = 30.0
"""Inside a chat, how often a device asks whether a notice was lost (docs/protocol.md)."""

INTERNAL_RETRIES_MAX: Final = 5
"""How often an entry is sent again after `internal`: it may be its content that the server cannot take, and it must
not keep those behind it for ever."""

BUS_HEARTBEAT_S: Final = 1.0
"""How often a node says that it is there: what was lost on the bus is noticed by then."""

BUS_EXPIRY_S: Final = 3.5
"""A node that was not heard for so long is taken for dead, and its users for gone: three heartbeats and some delay."""

BUS_MESSAGE_BYTES_MAX: Final = 512 * 1024
"""One message to a node: half of what a NATS server takes by default."""

BUS_PENDING_BYTES_MAX: Final = 8 * 1024 * 1024
"""What waits to be sent to one node. Past it, notices for that node are dropped: its devices pull."""

BUS_UIDS_MAX: Final = 50_000
"""Users in one message of a node's list: 9 bytes each, so below `BUS_MESSAGE_BYTES_MAX`."""

BUS_RECONNECT_MIN_S: Final = 0.1
BUS_RECONNECT_MAX_S: Final = 5.0
"""How long a node waits before it tries to reach the bus again: at first, and after many tries."""

BUS_CONNECT_TIMEOUT_S: Final = 5.0
BUS_LINK_TIMEOUT_S: Final = 2.0
"""A bus that does not answer for so long is taken for dead and connected to anew."""

BUS_ECHO_S: Final = 3.5
"""What a node says to all comes back to it as well; where it has not for so long, the bus is not healthy."""

BUS_CLOSE_TIMEOUT_S: Final = 2.0
"""How long a goodbye may take."""

BUS_UNANSWERED_BYTES_MAX: Final = 256 * 1024
"""After so much, a node waits until the bus has taken it before it says more."""

BUS_RECEIVED_MAX: Final = 10_000
BUS_RECEIVED_BYTES_MAX: Final = 64 * 1024 * 1024
"""Messages that came and were not looked at yet. A node further behind is stuck: more is dropped, and found missing."""

WORKER_READY_TIMEOUT_S: Final = 120.0
"""A worker that does not serve by then is given up. The first of them may have to migrate the database."""

WORKER_STOP_EXTRA_S: Final = 20.0
"""How much longer than it drains a worker may take to end: links to the database and the bus are closed in order."""

WORKER_RESTART_MIN_S: Final = 0.2
WORKER_RESTART_MAX_S: Final = 30.0
"""How long the place of a worker that died stays empty: at first, and after having died again and again."""

WORKER_LIVED_S: Final = 30.0
"""A worker that lived so long did not die of how it was started."""
