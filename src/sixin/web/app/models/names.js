/** Names: what a uid is called. The server's users belong to the application, so it is told from outside. */

/** @type {Map<string, string>} */
const names = new Map();

/**
 * @param {string} uid
 * @param {string} name
 */
export function learnName(uid, name) {
  if (name) names.set(uid, name);
}

/** @param {string} uid */
export const nameOf = (uid) => names.get(uid) ?? uid;

/**
 * One or two characters for a face without a picture.
 * @param {string} uid
 */
export function initialOf(uid) {
  const name = names.get(uid);
  return name ? [...name][0] : uid.slice(-2);
}

/**
 * One of ten hues, always the same for one user.
 * @param {string} uid
 */
export const hueOf = (uid) => [...uid].reduce((sum, digit) => (sum * 31 + digit.charCodeAt(0)) % 9973, 7) % 10;
