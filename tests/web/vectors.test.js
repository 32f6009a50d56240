/** The vectors of tests/vectors/sync: this `Sync` does at every step what the Python one did. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { Heads } from "../../src/sixin/web/sdk/heads.js";
import { Sync } from "../../src/sixin/web/sdk/sync.js";

const FOLDER = new URL("../vectors/sync/", import.meta.url);

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

test("there are vectors", () => assert.ok(files.length >= 10));

for (const name of files) {
  test(`sync does what ${name} says`, () => {
    const { state, sizes, steps } = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
    const heads = new Heads(state);
    const sync = new Sync(heads, sizes);
    const pulls = [];
    for (const [nth, step] of steps.entries()) {
      const given = { ...step.with };
      if ("pull" in given) given.pull = pulls[given.pull];
      const outcome = CALLS[step.do](sync, given);
      if (step.writes) {
        assert.deepEqual(outcome, step.writes, `step ${nth}: ${step.do}`);
        heads.take(outcome);
      } else if (step.gives) {
        assert.deepEqual(outcome, step.gives, `step ${nth}: ${step.do}`);
        pulls.push(...outcome);
      }
    }
  });
}
