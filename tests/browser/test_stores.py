"""The browser's two stores: whatever is written, IndexedDB holds what the reference holds."""

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.person import Person
from tests.services.sixin import SixinServer

WRITE_AT_RANDOM = """async (seed) => {
  const { IndexedDbStore } = await import("/sdk/store/indexeddb.js");
  const { MemoryStore } = await import("/sdk/store/memory.js");
  // mulberry32: one seed, one life.
  const chance = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count) => Math.floor(chance() * count);
  const some = (count, make) => Array.from({ length: below(count) }, make);
  const session = () => `1:${2 + below(3)}`;
  const msgId = (place) => String(10_000_000_000 + place);
  const message = () => {
    const sort_key = 1 + below(40);
    const version_id = sort_key + below(60);
    return { msg_id: msgId(sort_key), session_id: "1:2", sort_key, version_id, content: below(9) };
  };
  const kinds = {
    messages: () => some(12, message),
    hidden: () => some(2, () => ({ session_id: "1:2", msg_ids: some(3, () => msgId(1 + below(40))) })),
    cleared: () => some(2, () => ({ session_id: "1:2", up_to: msgId(below(20)) })),
    gaps: () => some(2, () => ({ session_id: "1:2", low: 1 + below(19), high: 20 + below(9) })),
    contacts: () => some(3, () => ({ session_id: session(), version_id: below(100) })),
    contact_version: () => below(1000),
    held: () => some(3, () => ({ session_id: session(), ranges: [{ low: 0, high: below(9), version: below(99) }] })),
    entries: () => some(4, () => ({ number: 1 + below(8), session_id: session(), seq_id: below(99) })),
    settled: () => some(3, () => 1 + below(8)),
  };
  const sorted = ({ contacts, held, entries, contact_version }) => {
    const by = (key) => (one, other) => (one[key] < other[key] ? -1 : 1);
    contacts.sort(by("session_id"));
    held.sort(by("session_id"));
    return JSON.stringify({ contact_version, contacts, held, entries: entries.sort(by("number")) });
  };
  const name = `life/${Math.random()}`;
  const lasting = new IndexedDbStore(name);
  const reference = new MemoryStore();
  for (let step = 0; step < 60; step++) {
    const writes = below(40) ? {} : { forget: true };
    for (const [kind, make] of Object.entries(kinds)) if (chance() < 0.3) writes[kind] = make();
    await Promise.all([lasting.apply(writes), reference.apply(writes)]);
    const stores = [lasting, reference];
    const [one, other] = await Promise.all(stores.map(async (store) => sorted(await store.load())));
    if (one !== other) return `step ${step}: ${one} is not ${other}`;
    const [low, width, limit] = [below(30), below(30), 1 + below(9)];
    const [page, wanted] = await Promise.all(stores.map((store) => store.page("1:2", low, low + width, limit)));
    const msg_id = msgId(1 + below(40));
    const [row, same] = await Promise.all(stores.map(async (store) => JSON.stringify(await store.message(msg_id))));
    if (row !== same) return `step ${step}: ${row} is not ${same}`;
    const told = JSON.stringify([page, wanted, writes]);
    if (JSON.stringify(page) !== JSON.stringify(wanted)) return `step ${step}: ${told}`;
  }
  lasting.close();
  indexedDB.deleteDatabase(name);
  return "the same";
}"""


def test_both_stores_hold_the_same_after_the_same_writes(server: SixinServer, context_of: Open) -> None:
    page = context_of().new_page()
    page.goto(server.url)
    for seed in range(5):
        assert page.evaluate(WRITE_AT_RANDOM, seed) == "the same", f"seed {seed}"


def test_where_a_browser_refuses_to_keep_anything_one_talks_all_the_same(server: SixinServer, context_of: Open) -> None:
    page = context_of().new_page()
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server.url)
    page.locator(".door[data-uid='1001'] button").click()
    ann = Person(page, "1001")
    ann.open_first_chat()
    ann.say("said and not kept")
    expect(ann.bubble("said and not kept").last.get_by_role("img", name="Sent")).to_be_visible()
    assert complaints == []


COUNT_READS = """
  window.reads = [];
  const { getAll } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.getAll = function (...args) {
    reads.push(this.name);
    return getAll.apply(this, args);
  };
"""


def test_whoever_opens_the_page_first_reads_the_list_once_and_a_second_tab_sees_it_too(
    server: SixinServer, context_of: Open
) -> None:
    context = context_of()
    context.add_init_script(COUNT_READS)
    page = context.new_page()
    page.goto(server.url)
    page.locator(".door[data-uid='1001'] button").click()
    ann = Person(page, "1001")
    for _ in ("the first time", "after a reload"):
        ann.open_first_chat()
        expect(ann.banner).to_be_hidden()
        ann.say("what is told after that is not missed")
        expect(ann.bubble("what is told").last.get_by_role("img", name="Sent")).to_be_visible()
        # Reading ten thousand conversations holds the page's thread, each time.
        assert page.evaluate("reads").count("contacts") == 1
        page.reload()
    second = context.new_page()
    second.goto(server.url)
    second.locator(".door[data-uid='1001'] button").click()
    expect(Person(second, "1001").contacts.first).to_contain_text("what is told after that is not missed")
