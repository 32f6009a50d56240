/** The outbox of the browser: what is written leaves once, in order, whatever the answers. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../src/sixin/web/sdk/outbox.js";
import { nextSeqId } from "../../src/sixin/web/sdk/seq.js";

const entry = (number, { session_id = "1:2", kind = "send", body = { content: { type: "text", text: "hi" } } } = {}) => ({
  number,
  session_id,
  kind,
  body,
  queued_at_ms: 0,
  seq_id: kind === "send" ? number + 100 : 0,
  refused: "",
  reason: "",
});

const numbers = (entries) => entries.map(({ number }) => number);

test("the entries of one session leave one at a time, those of two side by side", () => {
  const outbox = new Outbox([entry(1), entry(2), entry(3, { session_id: "1:3" })]);
  assert.deepEqual(numbers(outbox.ready()), [1, 3]);
  outbox.sent(1);
  assert.deepEqual(numbers(outbox.ready()), [3]);
  outbox.remove(1);
  assert.deepEqual(numbers(outbox.ready()), [2, 3]);
});

test("what was under way when the link broke is sent again", () => {
  const outbox = new Outbox([entry(1)]);
  outbox.sent(1);
  outbox.linkLost();
  assert.deepEqual(numbers(outbox.ready()), [1]);
});

test("a passing refusal rests the entry, and nothing of its session overtakes it", () => {
  const outbox = new Outbox([entry(1), entry(2)]);
  outbox.sent(1);
  assert.equal(outbox.refused(1, { code: "rate_limited" }), "retry");
  assert.deepEqual(outbox.ready(), []);
  outbox.rested(1);
  assert.deepEqual(numbers(outbox.ready()), [1]);
});

test("a lasting refusal lets the next one go", () => {
  const outbox = new Outbox([entry(1), entry(2)]);
  outbox.sent(1);
  assert.equal(outbox.refused(1, { code: "forbidden" }), "refused");
  outbox.put({ ...entry(1), refused: "forbidden" });
  assert.deepEqual(numbers(outbox.ready()), [2]);
});

test("a conflict means that another device took the number: the message gets another", () => {
  const outbox = new Outbox([entry(1)]);
  outbox.sent(1);
  assert.equal(outbox.refused(1, { code: "conflict" }), "renumber");
});

test("a server that keeps making a mistake over one entry is not asked for ever", () => {
  const outbox = new Outbox([entry(1)]);
  const verdicts = [1, 2, 3, 4, 5, 6].map(() => outbox.refused(1, { code: "internal" }));
  assert.deepEqual(verdicts, ["retry", "retry", "retry", "retry", "retry", "refused"]);
});

test("a later pin makes one that waits pointless, and not one that left", () => {
  const pin = (number) => entry(number, { kind: "pin", body: { pinned: true } });
  const outbox = new Outbox([pin(1)]);
  assert.equal(outbox.replacedBy(pin(2))?.number, 1);
  outbox.sent(1);
  assert.equal(outbox.replacedBy(pin(2)), undefined);
});

test("a message in the timeline acknowledges its entry, unless it says something else", () => {
  const outbox = new Outbox([entry(1)]);
  const said = { sender: "1", session_id: "1:2", seq_id: 101, content: { text: "hi", type: "text" } };
  assert.equal(outbox.acknowledgedBy(said, "1")?.number, 1);
  assert.equal(outbox.acknowledgedBy({ ...said, content: { type: "text", text: "ho" } }, "1"), undefined);
  assert.equal(outbox.acknowledgedBy({ ...said, sender: "2" }, "1"), undefined);
});

test("a seq_id grows when the clock stands still, and when it steps back", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  const first = nextSeqId(0, now, 0.5);
  assert.ok(nextSeqId(first, now, 0.1) > first);
  assert.ok(nextSeqId(first, now - 60_000, 0.9) > first);
  assert.ok(Number.isSafeInteger(nextSeqId(0, Date.parse("2060-01-01"), 0.999)));
});
