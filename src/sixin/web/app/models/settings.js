/** Settings: language and theme of this browser, and what a person was writing. */

const kept = {
  /** @param {string} beginning of the keys */
  forget(beginning) {
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(`sixin/${beginning}`)) localStorage.removeItem(key);
    } catch {
      // then there is nothing
    }
  },
  /** @param {string} key */
  get(key) {
    try {
      return localStorage.getItem(`sixin/${key}`);
    } catch {
      return null; // a browser may forbid storage; then nothing outlives the page
    }
  },
  /**
   * @param {string} key
   * @param {string} value
   */
  set(key, value) {
    try {
      if (value) localStorage.setItem(`sixin/${key}`, value);
      else localStorage.removeItem(`sixin/${key}`);
    } catch {
      // see above
    }
  },
};

export const LANGUAGES = ["zh", "en"];
export const THEMES = ["system", "light", "dark"];

export class Settings extends EventTarget {
  #asked = new URLSearchParams(location.search);

  get language() {
    const wanted = this.#asked.get("lang") ?? kept.get("language") ?? navigator.language.slice(0, 2);
    return LANGUAGES.includes(wanted) ? wanted : "en";
  }

  set language(language) {
    this.#put("language", language, "lang");
  }

  get theme() {
    const wanted = this.#asked.get("theme") ?? kept.get("theme") ?? "system";
    return THEMES.includes(wanted) ? wanted : "system";
  }

  set theme(theme) {
    this.#put("theme", theme, "theme");
  }

  /**
   * @param {string} key
   * @param {string} value
   * @param {string} parameter of the address that stood above it
   */
  #put(key, value, parameter) {
    this.#asked.delete(parameter);
    kept.set(key, value);
    this.dispatchEvent(new Event("changed"));
  }
}

/** Drafts: unsent words, and the message they answer, one for each user and session. */
export const drafts = {
  /** He signed out: what he was about to say is nobody else's to read. @param {string} me */
  forget(me) {
    for (const kind of ["draft", "reply"]) kept.forget(`${kind}/${me}/`);
  },
  /** @param {string} me @param {string} session_id */
  answered: (me, session_id) => kept.get(`reply/${me}/${session_id}`),
  /** @param {string} me @param {string} session_id @param {string | null} msg_id */
  answer: (me, session_id, msg_id) => kept.set(`reply/${me}/${session_id}`, msg_id ?? ""),
  /** @param {string} me @param {string} session_id */
  of: (me, session_id) => kept.get(`draft/${me}/${session_id}`) ?? "",
  /** @param {string} me @param {string} session_id @param {string} text */
  keep: (me, session_id, text) => kept.set(`draft/${me}/${session_id}`, text),
};

/** Who was signed in, so that a reload finds them again. Kept in this tab alone: a token is a key. */
export const signedIn = {
  /** @returns {{uid: string, name: string, token: string}[]} */
  all() {
    try {
      return JSON.parse(sessionStorage.getItem("sixin/accounts") ?? "[]");
    } catch {
      return [];
    }
  },
  /** @param {{uid: string, name: string, token: string}[]} accounts */
  keep(accounts) {
    try {
      sessionStorage.setItem("sixin/accounts", JSON.stringify(accounts));
    } catch {
      // then a reload asks again
    }
  },
};
