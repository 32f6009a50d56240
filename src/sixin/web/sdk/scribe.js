/**
 * Scribe: the only one that writes the store. One transaction at a time, and what comes meanwhile goes together in the
 * next: a burst costs a few writes, and whoever waits for his own is not held up by what comes after it.
 */

import { ROWS_IN_WRITE_MAX } from "./limits.js";

/** @import {Message, Store, Writes} from "./types.js" */

/** @typedef {{[number: number]: Message}} Said what entries that leave the outbox have become */

/**
 * @typedef {object} Batch
 * @property {Writes} writes
 * @property {Said} said
 * @property {Promise<void>} done
 * @property {() => void} finish
 */

export class Scribe {
  #store;
  #written;
  #failed;
  /** @type {Batch[]} */
  #queue = [];
  /** @type {Promise<void> | null} */
  #writing = null;

  /**
   * @param {Store} store
   * @param {(writes: Writes, said: Said) => void} written told after each transaction, in their order
   * @param {(reason: string) => void} failed the store could not: what it holds stays true, it is only older
   */
  constructor(store, written, failed) {
    this.#store = store;
    this.#written = written;
    this.#failed = failed;
  }

  /**
   * @param {Writes} writes
   * @param {Said} [said]
   * @returns {Promise<void>} fulfilled when these are stored, or cannot be
   */
  write(writes, said = {}) {
    if (!Object.keys(writes).length) return Promise.resolve();
    const last = this.#queue.at(-1);
    const together = last && merged(last.writes, writes);
    if (together) {
      last.writes = together;
      Object.assign(last.said, said);
      return last.done;
    }
    const batch = batchOf(writes, said);
    this.#queue.push(batch);
    this.#writing ??= this.#drain();
    return batch.done;
  }

  /** Until everything is stored. */
  async rest() {
    await this.#writing;
  }

  async #drain() {
    for (let batch = this.#queue.shift(); batch; batch = this.#queue.shift()) {
      try {
        await this.#store.apply(batch.writes);
      } catch (error) {
        this.#failed(String(error));
      }
      try {
        this.#written(batch.writes, batch.said);
      } catch (error) {
        // A listener's mistake is his; the next one's words are still written.
        queueMicrotask(() => {
          throw error;
        });
      }
      batch.finish();
    }
    this.#writing = null;
  }
}

/**
 * @param {Writes} writes
 * @param {Said} said
 * @returns {Batch}
 */
function batchOf(writes, said) {
  let finish = () => {};
  /** @type {Promise<void>} */
  const done = new Promise((resolve) => (finish = resolve));
  return { writes, said: { ...said }, done, finish };
}

/**
 * Two changes as one, where that comes to the same; null where their order matters, or there would be too much of it.
 * @param {Writes} one
 * @param {Writes} other
 * @returns {Writes | null}
 */
function merged(one, other) {
  if (removes(one) || removes(other) || rowsOf(one) + rowsOf(other) > ROWS_IN_WRITE_MAX) return null;
  const gone = new Set(one.settled);
  if (other.entries?.some(({ number }) => gone.has(number))) return null;
  /** @type {Writes} */
  const both = { ...one };
  if (other.messages) both.messages = [...(one.messages ?? []), ...other.messages];
  if (other.contacts) both.contacts = [...(one.contacts ?? []), ...other.contacts];
  if (other.held) both.held = [...(one.held ?? []), ...other.held];
  if (other.entries) both.entries = [...(one.entries ?? []), ...other.entries];
  if (other.settled) both.settled = [...(one.settled ?? []), ...other.settled];
  if (other.contact_version !== undefined) both.contact_version = other.contact_version;
  return both;
}

/** @param {Writes} writes */
const removes = ({ forget, hidden, cleared, gaps }) => !!(forget || hidden || cleared || gaps);

/** @param {Writes} writes */
const rowsOf = ({ messages, contacts, held, entries, settled }) =>
  [messages, contacts, held, entries, settled].reduce((rows, list) => rows + (list?.length ?? 0), 0);
