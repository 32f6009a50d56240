/** Badge: the exact number of unread messages, in the title, on the app's icon and in notifications. */

import { nameOf } from "./models/names.js";
import { preview } from "./format.js";

/** @import {Account} from "./models/account.js" */

const TITLE = "私信 Sixin";

/** @param {Iterable<Account>} accounts */
export function showTotal(accounts) {
  let total = 0;
  for (const { client } of accounts) total += client.unread_total;
  document.title = total ? `(${total}) ${TITLE}` : TITLE;
  const { setAppBadge, clearAppBadge } = /** @type {any} */ (navigator);
  if (total) setAppBadge?.call(navigator, total)?.catch(() => {});
  else clearAppBadge?.call(navigator)?.catch(() => {});
}

/**
 * Tell of what came while nobody looked, where the person allowed it.
 * @param {Account} account
 * @param {import("../sdk/types.js").Contact[]} contacts that changed
 */
export function notify(account, contacts) {
  if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
  if (document.visibilityState === "visible" || !account.client.leads) return;
  for (const { session_id, peer, muted, unread, last_message } of contacts) {
    if (muted || !unread || !last_message || last_message.sender === account.uid) continue;
    const options = { body: preview(last_message, account.uid, nameOf(peer)), tag: `${account.uid}/${session_id}` };
    try {
      const notification = new Notification(`${nameOf(peer)} (${unread})`, options);
      notification.onclick = () => {
        window.focus();
        account.select(session_id);
      };
    } catch {
      return; // a phone's browser shows them for service workers alone
    }
  }
}
