/** The keeper over a server of a few lines: kept before it is sent, sent once, and whole again after every break. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../../src/sixin/web/sdk/client.js";

const SESSION = "1:2";

/** A server with one session of users 1 and 2, and sockets that a test can break. */
class House {
  messages = [];
  sockets = new Set();
  contact_version = 0;
  answers = true;

  connect = () => {
    const socket = { readyState: 1, close: () => this.sockets.delete(socket), send: (text) => this.#heard(socket, JSON.parse(text)) };
    this.sockets.add(socket);
    queueMicrotask(() => socket.onopen());
    return socket;
  };

  cut() {
    for (const socket of this.sockets) socket.onclose();
    this.sockets.clear();
  }

  tell(frame) {
    for (const socket of this.sockets) socket.onmessage({ data: JSON.stringify(frame) });
  }

  say(sender, seq_id, content) {
    const before = this.messages.find((one) => one.sender === sender && one.seq_id === seq_id);
    if (before) return before;
    const version_id = this.messages.length + 1;
    const message = {
      msg_id: String(10_000_000_000 + version_id), session_id: SESSION, sender, seq_id, ordinal: version_id, version_id,
      sort_key: version_id, status: "normal", content, sent_at_ms: 1, changed_at_ms: 1,
    };
    this.messages.push(message);
    this.contact_version = version_id;
    return message;
  }

  contact() {
    const last = this.messages.at(-1);
    return {
      session_id: SESSION, owner: "1", peer: "2", version_id: this.contact_version, sort_key: this.contact_version,
      last_msg_id: last?.msg_id ?? "0", last_message: last ?? null, last_del_msg_id: "0", last_read_msg_id: "0",
      peer_read_msg_id: "0", unread: 0, pinned: false, muted: false, labels: [], status: "normal", peer_ack: true,
      message_version: this.messages.length, hidden_version: 0,
    };
  }

  #heard(socket, { id, op, body }) {
    const version_id = this.messages.length;
    const answer = {
      hello: () => ({ uid: "1", contact_version: this.contact_version }),
      send: () => ({ message: this.say("1", body.seq_id, body.content) }),
      pull_contacts: () => ({ contacts: this.messages.length ? [this.contact()] : [], version_id: this.contact_version, more: false }),
      pull_old: () => ({ messages: this.messages.filter((one) => one.sort_key < (body.before_sort_key ?? Infinity)), version_id, more: false }),
      pull_new: () => ({ messages: this.messages.filter((one) => one.version_id > body.after_version), version_id, more: false }),
    }[op]();
    if (this.answers || op === "hello") queueMicrotask(() => socket.onmessage?.({ data: JSON.stringify({ id, ok: answer }) }));
  }
}

async function until(condition, what) {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

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
