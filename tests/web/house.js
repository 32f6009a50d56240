/** A server of a few lines, with one session of users 1 and 2, and sockets that a test can break. */

import assert from "node:assert/strict";

export const SESSION = "1:2";

/** The nth message of the session, as it stands on the wire. */
export const messageOf = (nth, sender, seq_id, content) => ({
  msg_id: String(10_000_000_000 + nth), session_id: SESSION, sender, seq_id, ordinal: nth, version_id: nth, sort_key: nth,
  status: "normal", content, sent_at_ms: 1, changed_at_ms: 1,
});

export class House {
  messages = [];
  sockets = new Set();
  contact_version = 0;
  rained = 0;
  answers = true;
  /** @type {string[]} */
  asked = [];

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

  /** Somebody else says something in another session, of which the list tells. */
  rain(sender) {
    const contact = { ...this.contact(), session_id: `1:${sender}`, peer: sender, version_id: ++this.contact_version };
    this.rained += 1;
    this.tell({ notice: "contact", version_id: contact.version_id, contact });
  }

  tell(frame) {
    for (const socket of this.sockets) socket.onmessage({ data: JSON.stringify(frame) });
  }

  say(sender, seq_id, content) {
    const before = this.messages.find((one) => one.sender === sender && one.seq_id === seq_id);
    if (before) return before;
    const message = messageOf(this.messages.length + 1, sender, seq_id, content);
    this.messages.push(message);
    this.contact_version += 1;
    return message;
  }

  pageBefore(before_sort_key = Infinity) {
    return { messages: this.messages.filter((one) => one.sort_key < before_sort_key), more: false };
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
    this.asked.push(op);
    const answer = {
      unread: () => ({ unread_total: 0 }),
      hello: () => ({ uid: "1", contact_version: this.contact_version }),
      send: () => ({ message: this.say("1", body.seq_id, body.content) }),
      pull_contacts: () => ({ contacts: this.messages.length ? [this.contact()] : [], version_id: this.contact_version, more: false }),
      pull_old: () => ({ ...this.pageBefore(body.before_sort_key, body.limit), version_id }),
      pull_new: () => ({ messages: this.messages.filter((one) => one.version_id > body.after_version), version_id, more: false }),
    }[op]();
    if (this.answers || op === "hello") queueMicrotask(() => socket.onmessage?.({ data: JSON.stringify({ id, ok: answer }) }));
  }
}

export async function until(condition, what) {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
