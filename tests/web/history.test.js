/** One message of a long history: found by few pages, on a device that holds none of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "../../src/sixin/web/sdk/client.js";
import { House, SESSION, messageOf, until } from "./house.js";

const LENGTH = 100_000;
const TOKEN = `x.${btoa(JSON.stringify({ sub: "1" }))}.x`;

/** A house with so long a history that nobody gets it at once. */
class LongHouse extends House {
  pages = 0;
  messages = Array.from({ length: LENGTH }, (_, nth) => messageOf(nth + 1, "2", nth + 1, { type: "text", text: `${nth + 1}` }));

  pageBefore(before_sort_key = Infinity, limit = 50) {
    this.pages += 1;
    const end = Math.min(before_sort_key - 1, this.messages.length);
    return { messages: this.messages.slice(Math.max(0, end - limit), end), more: end > limit };
  }
}

async function visiting(context) {
  const house = new LongHouse();
  const client = new Client({ url: "http://house", token: TOKEN, store: "memory", transport: house.connect });
  await client.start();
  context.after(() => client.close());
  await until(() => client.link === "online", "it comes online");
  return { house, client };
}

test("a message is found wherever it is, by a few pages, and then without asking", async (context) => {
  const { house, client } = await visiting(context);
  for (const [nth, pages_max] of [[LENGTH, 1], [LENGTH - 60, 2], [LENGTH - 333, 9], [LENGTH - 999, 9], [1, 17], [2, 17], [777, 17], [LENGTH / 2, 17]]) {
    const wanted = house.messages[nth - 1];
    house.pages = 0;
    assert.deepEqual(await client.message(SESSION, wanted.msg_id), wanted);
    assert.ok(house.pages <= pages_max, `${house.pages} pages for message ${nth}`);
    house.pages = 0;
    assert.deepEqual(await client.message(SESSION, wanted.msg_id), wanted);
    assert.equal(house.pages, 0);
  }
});

test("where there is no such message, the search ends and says so", async (context) => {
  const { house, client } = await visiting(context);
  for (const msg_id of ["1", "10000050000000001", "99999999999999999"]) assert.equal(await client.message(SESSION, msg_id), null);
  assert.ok(house.pages <= 3 * 17, `${house.pages} pages`);
});

test("what a reply answers stands in its content, also when it is sent later", async (context) => {
  const { house, client } = await visiting(context);
  house.cut();
  client.send({ to: "2" }, "the second", { reply_to: house.messages[1].msg_id });
  client.send({ to: "2" }, { type: "file", url: "https://a.b/c", name: "c" }, { reply_to: house.messages[2].msg_id });
  await until(() => house.messages.length === LENGTH + 2, "both are said");
  const [words, file] = house.messages.slice(-2).map(({ content }) => content);
  assert.deepEqual(words, { type: "text", text: "the second", reply_to: house.messages[1].msg_id });
  assert.deepEqual(file, { type: "file", url: "https://a.b/c", name: "c", reply_to: house.messages[2].msg_id });
});
