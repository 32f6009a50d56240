/**
 * Walk: the keyboard in a log. It is one stop for Tab, however much is in it: the arrows go from message to message,
 * Enter shows what can be done with one, and only its own links and buttons are stops too.
 */

const LINES = ".message, .notice";
const STOPS = "a[href], button";

export class Walk {
  #rows;
  /** @type {Element | null} */
  #at = null;

  /**
   * @param {HTMLElement} box that scrolls
   * @param {HTMLElement} rows in it
   */
  constructor(box, rows) {
    this.#rows = rows;
    box.addEventListener("keydown", (event) => this.#onKey(event));
    rows.addEventListener("focusin", ({ target }) => this.#standAt(/** @type {Element} */ (target).closest(LINES)));
  }

  /** A line that comes in is no stop yet. What failed is: somebody has to do something about it. @param {HTMLElement} row */
  enter(row) {
    if (!row.matches(LINES)) return row;
    row.tabIndex = -1;
    if (!row.matches(".is-failed")) stops(row, false);
    return row;
  }

  /** A line that is drawn anew takes the place of the old one. @param {Element} before @param {Element} after */
  replaced(before, after) {
    if (before === this.#at) this.#standAt(after);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const on = /** @type {Element} */ (event.target);
    const more = event.key === "Enter" && on.matches(LINES) ? on.querySelector(".message-more") : null;
    const step = { ArrowUp: -1, ArrowDown: 1 }[/** @type {"ArrowUp"} */ (event.key)];
    if (more) /** @type {HTMLElement} */ (more).click();
    else if (step) this.#go(step);
    else return;
    event.preventDefault();
  }

  /** From where one is; else from the newest. @param {number} step */
  #go(step) {
    const all = /** @type {HTMLElement[]} */ ([...this.#rows.querySelectorAll(LINES)]);
    const now = this.#at ? all.indexOf(/** @type {HTMLElement} */ (this.#at)) : -1;
    const next = now < 0 ? all.length - 1 : Math.max(0, Math.min(now + step, all.length - 1));
    all[next]?.focus();
  }

  /** @param {Element | null} row */
  #standAt(row) {
    if (row === this.#at) return;
    if (this.#at && !this.#at.matches(".is-failed")) stops(this.#at, false);
    this.#at = row;
    if (row) stops(row, true);
  }
}

/**
 * @param {Element} row
 * @param {boolean} are
 */
function stops(row, are) {
  for (const stop of row.querySelectorAll(STOPS)) /** @type {HTMLElement} */ (stop).tabIndex = are ? 0 : -1;
}
