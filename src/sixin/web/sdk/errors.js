/** What forbids an act: one class, told apart by its code (the words of the wire). */

export class SixinError extends Error {
  /**
   * @param {string} code `bad_request`, `unauthenticated`, `forbidden`, `not_found`, `conflict`, `too_late`,
   *   `too_large`, `rate_limited`, `unavailable` or `internal`
   * @param {string} message one sentence for people
   * @param {number} [retry_after_ms] with `rate_limited`
   */
  constructor(code, message, retry_after_ms) {
    super(message);
    this.name = "SixinError";
    this.code = code;
    this.retry_after_ms = retry_after_ms;
  }

  /** Whether the same request may succeed later, unchanged. */
  get passing() {
    return PASSING.has(this.code);
  }
}

const PASSING = new Set(["unavailable", "internal", "rate_limited", "unauthenticated"]);

/** What an ask ends with when the link is gone before its answer: it was done, or it was not. */
export const linkLost = () => new SixinError("unavailable", "The link was lost before the answer came.");

/**
 * @param {unknown} error
 * @returns {SixinError}
 */
export const asSixinError = (error) => (error instanceof SixinError ? error : new SixinError("internal", String(error)));
