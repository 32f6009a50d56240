/**
 * The vectors of tests/vectors/sync, or of the folder `SIXIN_SYNC_VECTORS` names: this `Sync` does at every step what
 * the Python one did, and the copy it keeps is the same in the end.
 */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { Heads } from "../../src/sixin/web/sdk/heads.js";
import { MemoryStore } from "../../src/sixin/web/sdk/store/memory.js";
import { Sync } from "../../src/sixin/web/sdk/sync.js";

const named = process.env.SIXIN_SYNC_VECTORS;
const FOLDER = named ? pathToFileURL(`${named}/`) : new URL("../vectors/sync/", import.meta.url);

const CALLS = {
  connected: (sync, { contact_version }) => sync.connected(contact_version),
  disconnected: (sync) => sync.disconnected(),
  list_entered: (sync) => sync.listEntered(),
  chat_opened: (sync, { session_id }) => sync.chatOpened(session_id),
  chat_closed: (sync, { session_id }) => sync.chatClosed(session_id),
  timer: (sync) => sync.timer(),
  wanted: (sync, { session_id }) => sync.wanted(session_id),
  message_noticed: (sync, { session_id, version_id, message }) => sync.messageNoticed(session_id, version_id, message),
  contact_noticed: (sync, { version_id, contact }) => sync.contactNoticed(version_id, contact),
  pulled: (sync, { pull, answer }) => sync.pulled(pull, answer),
  refused: (sync, { pull, again }) => sync.refused(pull, { again }),
  requests: (sync) => sync.requests(),
  page_of: (sync, { session_id, before, limit }) => [sync.pageOf(session_id, before, limit)],
};

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

test("there are vectors", () => assert.ok(files.length >= (named ? 1 : 10)));

/** All that a store holds of the timelines: by session, messages oldest first. */
async function copyOf(store) {
  const bySession = (one, other) => (one.session_id < other.session_id ? -1 : 1);
  const { contact_version, contacts, held } = await store.load();
  const sessions = [...new Set([...contacts, ...held].map(({ session_id }) => session_id))].sort();
  const pages = await Promise.all(sessions.map((session_id) => store.page(session_id, 0, Infinity, Infinity)));
  return { contact_version, contacts: contacts.sort(bySession), held: held.sort(bySession), messages: pages.flat() };
}

for (const name of files) {
  test(`sync does what ${name} says`, async () => {
    const { state, sizes, steps, ends } = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
    const heads = new Heads(state);
    const store = new MemoryStore();
    await store.apply(state);
    const sync = new Sync(heads, sizes);
    const pulls = [];
    for (const [nth, step] of steps.entries()) {
      const given = { ...step.with };
      if ("pull" in given) given.pull = pulls[given.pull];
      const outcome = CALLS[step.do](sync, given);
      if (step.writes) {
        assert.deepEqual(outcome, step.writes, `step ${nth}: ${step.do}`);
        heads.take(outcome);
        await store.apply(outcome);
      } else if (step.gives) {
        assert.deepEqual(outcome, step.gives, `step ${nth}: ${step.do}`);
        pulls.push(...outcome);
      }
    }
    assert.deepEqual(await copyOf(store), ends);
  });
}
