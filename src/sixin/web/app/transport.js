/** Transport: where the inspector's weather comes between an account and the network. */

import { Weather } from "./models/weather.js";

/** @type {Map<string, Weather>} */
const weathers = new Map();

/** @param {string} uid */
export function weatherOf(uid) {
  let weather = weathers.get(uid);
  if (!weather) weathers.set(uid, (weather = new Weather()));
  return weather;
}

/** @param {string} uid */
export const transportOf = (uid) => (/** @type {string} */ url, /** @type {string} */ protocol) => weatherOf(uid).open(url, protocol);
