/** The keeper over a server of a few lines: kept before it is sent, sent once, and whole again after every break. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../../src/sixin/web/sdk/client.js";
import { House, SESSION, until } from "./house.js";

async function connected(house) {
  const client = new Client({ url: "http://house", token: "t", uid: "1", store: "memory", transport: house.connect });
  await client.start();
  await until(() => client.link === "online", "it comes online");
  return client;
}

const texts = async (client) => (await client.history(SESSION)).messages.map(({ content }) => content.text);

test("what is said offline is kept and said once the link is back, in its order", async (context) => {
  const house = new House();
  const client = await connected(house);
  context.after(() => client.close());
  house.cut();
  for (const text of ["one", "two", "three"]) client.send({ to: "2" }, text);
  assert.equal(client.pending(SESSION).length, 3);
  await until(() => house.messages.length === 3, "all three are said");
  assert.deepEqual(await texts(client), ["one", "two", "three"]);
  await until(() => client.pending(SESSION).length === 0, "nothing is pending");
});

test("a send whose answer was lost is said once", async (context) => {
  const house = new House();
  const client = await connected(house);
  context.after(() => client.close());
  house.answers = false;
  client.send({ to: "2" }, "once");
  await until(() => house.messages.length === 1, "it was said");
  house.answers = true;
  house.cut();
  await until(() => client.pending(SESSION).length === 0, "its retry was answered");
  assert.equal(house.messages.length, 1);
});

test("a link that may have died with the old network is asked when there is a new one", async (context) => {
  const house = new House();
  const client = await connected(house);
  context.after(() => client.close());
  assert.ok(!house.asked.includes("unread"));
  client.hurry();
  await until(() => house.asked.includes("unread"), "it is asked");
  assert.equal(client.link, "online");
  house.cut();
  await until(() => client.link === "offline", "it is lost");
  client.hurry();
  await until(() => client.link === "online", "and made anew at once");
});

test("a lost notice is found by the next one", async (context) => {
  const house = new House();
  const client = await connected(house);
  context.after(() => client.close());
  await texts(client);
  client.enter(SESSION);
  house.say("2", 1, { type: "text", text: "lost" });
  const message = house.say("2", 2, { type: "text", text: "heard" });
  house.tell({ notice: "message", session_id: SESSION, version_id: 2, message });
  await until(async () => (await texts(client)).length === 2, "both are there");
});

test("history that is not held is refused while the link is away, never passed over", async (context) => {
  const house = new House();
  const client = await connected(house);
  context.after(() => client.close());
  house.cut();
  await assert.rejects(client.history(SESSION), { code: "unavailable" });
});

test("a connection that never opens is given up, and made anew", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const house = new House();
  let deaf = true;
  const transport = (...address) => (deaf ? { readyState: 0, close() {}, send() {} } : house.connect(...address));
  const client = new Client({ url: "http://house", token: "t", uid: "1", store: "memory", transport });
  await client.start();
  context.after(() => client.close());
  deaf = false;
  context.mock.timers.tick(15_000); // what an answer may take
  assert.equal(client.link, "offline");
  context.mock.timers.tick(500); // the longest first pause
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assert.equal(client.link, "online");
});

test("where there is no WebSocket it says so at once", () => {
  const { WebSocket } = globalThis;
  delete globalThis.WebSocket;
  try {
    assert.throws(() => new Client({ url: "http://house", token: "t", uid: "1" }), /Node 22/);
  } finally {
    if (WebSocket) globalThis.WebSocket = WebSocket;
  }
});
