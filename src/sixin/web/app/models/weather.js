/**
 * Weather: what a network can do to a device, done on purpose: lose the next notice, double it, cut the link, put the
 * device to sleep. It stands where the SDK makes its WebSocket, so nothing else knows of it.
 */

export class Weather extends EventTarget {
  /** @type {Set<WebSocket>} */
  #sockets = new Set();
  /** @type {"lose" | "double" | null} */
  #next = null;
  /** @type {string[]} the kinds of notice it is still to happen to, in turn: a message is told by two */
  #left = [];
  asleep = false;

  /**
   * @param {string} url
   * @param {string} protocol
   * @returns {WebSocket}
   */
  open(url, protocol) {
    if (this.asleep) throw new Error("This device is asleep.");
    const socket = new WebSocket(url, protocol);
    const shown = through(socket, (text) => this.#deliveries(text));
    this.#sockets.add(socket);
    socket.addEventListener("close", () => this.#sockets.delete(socket));
    return shown;
  }

  /** What the next notice will suffer. */
  get next() {
    return this.#next;
  }

  loseNext() {
    this.#will("lose");
  }

  doubleNext() {
    this.#will("double");
  }

  /** The link breaks; the device will be back by itself. */
  cut() {
    for (const socket of this.#sockets) socket.close(4000);
    this.#tell({ what: "cut" });
  }

  /** The device hears nothing until it wakes. */
  sleep() {
    this.asleep = true;
    this.cut();
  }

  wake() {
    this.asleep = false;
    this.#tell({ what: "wake" });
  }

  /** @param {"lose" | "double"} what */
  #will(what) {
    this.#next = this.#next === what ? null : what;
    this.#left = this.#next ? ["message", "contact"] : [];
    this.#tell({ what: "armed" });
  }

  /**
   * How often a frame is delivered.
   * @param {string} text
   */
  #deliveries(text) {
    const what = this.#next;
    const kind = /^\{"notice":"(\w+)"/.exec(text)?.[1] ?? "";
    if (!what || kind !== this.#left[0]) return 1;
    this.#left.shift();
    if (!this.#left.length) this.#next = null;
    this.#tell({ what, text });
    return what === "lose" ? 0 : 2;
  }

  /** @param {{what: string, text?: string}} detail */
  #tell(detail) {
    this.dispatchEvent(new CustomEvent("changed", { detail }));
  }
}

/**
 * The same socket, with its messages delivered as often as somebody says.
 * @param {WebSocket} socket
 * @param {(text: string) => number} deliveries
 * @returns {WebSocket}
 */
function through(socket, deliveries) {
  return new Proxy(socket, {
    get(target, name) {
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set(target, name, value) {
      const heard = (/** @type {MessageEvent} */ event) => {
        for (let left = deliveries(String(event.data)); left > 0; left--) value(event);
      };
      return Reflect.set(target, name, name === "onmessage" ? heard : value);
    },
  });
}
