/** Under load: what one person writes leaves at once, however much comes in and however slow the disk is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Keeper } from "../../src/sixin/web/sdk/keeper.js";
import { MemoryStore } from "../../src/sixin/web/sdk/store/memory.js";
import { House, SESSION, until } from "./house.js";

const WRITE_MS = 20;

/** A disk that takes its time, and counts. */
class SlowStore extends MemoryStore {
  writes = 0;

  async apply(writes) {
    this.writes += 1;
    await new Promise((resolve) => setTimeout(resolve, WRITE_MS));
    await super.apply(writes);
  }
}

async function keeping(house, store) {
  const events = [];
  const link = { url: "http://house", token: () => "t", device_id: "d", transport: house.connect };
  const keeper = new Keeper({ me: "1", store, link, tell: (event) => events.push(event) });
  await keeper.start();
  await until(() => events.some(({ event, state }) => event === "link" && state === "online"), "it comes online");
  return keeper;
}

const words = (text, seq_id) => ({ session_id: SESSION, kind: "send", seq_id, body: { content: { type: "text", text } } });

test("a send does not wait for a quiet moment of what comes in", async (context) => {
  const house = new House();
  const keeper = await keeping(house, new SlowStore());
  context.after(() => keeper.stop());
  const rain = setInterval(() => house.rain("3"), WRITE_MS / 10);
  context.after(() => clearInterval(rain));
  await until(() => house.rained > 20, "it rains");
  const queued = keeper.queue(words("through the rain", 1));
  await until(() => house.messages.length === 1, "it is said while it rains");
  await queued;
});

test("a burst of sends is kept in a few writes, and said in its order", async (context) => {
  const house = new House();
  const store = new SlowStore();
  const keeper = await keeping(house, store);
  context.after(() => keeper.stop());
  const before = store.writes;
  for (let nth = 1; nth <= 200; nth++) keeper.queue(words(`${nth}`, nth));
  await until(() => house.messages.length === 1, "the first is said");
  assert.ok(store.writes - before <= 3, `${store.writes - before} writes before the first was said`);
  await until(() => house.messages.length === 200, "all are said");
  assert.deepEqual(house.messages.map(({ seq_id }) => seq_id), Array.from({ length: 200 }, (_, nth) => nth + 1));
  assert.ok(store.writes - before < 250, `${store.writes - before} writes for 200 messages`);
});

test("a disk that refuses to write keeps nobody from talking", async (context) => {
  const house = new House();
  const store = new MemoryStore();
  const keeper = await keeping(house, store);
  context.after(() => keeper.stop());
  store.apply = () => Promise.reject(new Error("full"));
  await keeper.queue(words("said all the same", 1));
  await until(() => house.messages.length === 1, "it is said");
});
