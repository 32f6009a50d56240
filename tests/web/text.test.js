/** Text and ids: what is written by strangers stays text, and ids stay what they are. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, isEmoji, pieces, size, timeOfDay } from "../../src/sixin/web/app/format.js";
import { compareIds, isUid, msgIdParts, pairSessionId, peerOf } from "../../src/sixin/web/sdk/ids.js";

const links = (text) => pieces(text).flatMap(({ href }) => (href ? [href] : []));

test("links are found in Chinese and in English sentences, without what ends them", () => {
  assert.deepEqual(links("看这里https://例子.cn/a，好。"), ["https://例子.cn/a"]);
  assert.deepEqual(links("(see https://example.com/a?b=1&c=2)."), ["https://example.com/a?b=1&c=2"]);
});

test("a bracket that was opened in a link belongs to it, and what ends the sentence does not", () => {
  assert.deepEqual(links("https://en.wikipedia.org/wiki/Rust_(fungus)"), ["https://en.wikipedia.org/wiki/Rust_(fungus)"]);
  assert.deepEqual(links("(as in https://a.b/Rust_(fungus))."), ["https://a.b/Rust_(fungus)"]);
  assert.deepEqual(links("[https://a.b/c?d[]=1]!"), ["https://a.b/c?d[]=1"]);
  for (const end of [")", "!", ".)"]) assert.deepEqual(links(`https://a.b/${end.repeat(8_000)}`), ["https://a.b/"]);
});

test("a few signs alone are drawn large, whatever they are made of", () => {
  for (const signs of ["🎉", "❤️", "👍🏽", "🇨🇳", "1️⃣", "👨‍👩‍👧‍👦👍🏽🇨🇳", "🎉 🎉"]) assert.ok(isEmoji(signs), signs);
  for (const text of ["", "1", "#", "12", "ok 🎉", "🎉".repeat(9), "你好"]) assert.ok(!isEmoji(text), text);
});

test("a day begins at 00:00", () => {
  assert.equal(timeOfDay(new Date(2026, 1, 1, 0, 5).getTime()), "00:05");
});

test("a program is not a link", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,<b>", "vbscript:x", "JaVaScRiPt://https"]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("the pieces of a text are the text", () => {
  for (const text of ["", "a", "https://a.b", "x https://a.b/c. y http://d", "<img src=x onerror=alert(1)>"]) {
    assert.equal(pieces(text).map((piece) => piece.text).join(""), text);
  }
});

test("ids beyond 2^53 are compared and taken apart exactly", () => {
  assert.ok(compareIds("9007199254740993", "9007199254740992") > 0);
  assert.ok(compareIds("99", "100") < 0);
  assert.equal(compareIds("7", "7"), 0);
  const { seconds, counter, slot } = msgIdParts("282274330000047192");
  assert.deepEqual([seconds, counter, slot], [28227433, 4, 7192]);
});

test("a pair is the same from both sides", () => {
  assert.equal(pairSessionId("1002", "999"), "999:1002");
  assert.equal(pairSessionId("999", "1002"), "999:1002");
  assert.equal(peerOf("999:1002", "999"), "1002");
  assert.equal(peerOf("7:7", "7"), "7");
});

test("only a positive 64-bit integer is a uid", () => {
  assert.ok(isUid("9223372036854775807"));
  for (const text of ["0", "-1", "01", "1e3", "9223372036854775808", "", " 1", "１"]) assert.ok(!isUid(text), text);
});

test("sizes are told as people say them", () => {
  assert.deepEqual([0, 999, 1500, 23_000_000].map(size), ["0 B", "999 B", "1.5 KB", "23 MB"]);
});

test("a recording's length is told as a clock tells it", () => {
  assert.deepEqual([0, 900, 12_000, 63_000, 600_000, 3_723_000].map(duration), ["0:00", "0:01", "0:12", "1:03", "10:00", "1:02:03"]);
});
