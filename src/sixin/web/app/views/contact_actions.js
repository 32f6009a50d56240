/** What one can do with a conversation, the same from the list and from its head. */

import { SixinError } from "../../sdk/index.js";
import { whyNot, words } from "../words/index.js";
import { confirmFirst } from "./dialog.js";
import { toast } from "./toast.js";

/** @import {Account} from "../models/account.js" */
/** @import {Contact} from "../../sdk/types.js" */

/**
 * @param {Account} account
 * @param {Contact} contact
 */
export function contactChoices({ client }, { session_id, pinned, muted }) {
  const all = words();
  return [
    { name: pinned ? all.unpin : all.pin, act: () => attempt(client.pin(session_id, !pinned)) },
    { name: muted ? all.unmute : all.mute, act: () => attempt(client.mute(session_id, !muted)) },
    {
      name: all.clear,
      danger: true,
      act: () => confirmFirst(all.clear_sure, all.clear, () => attempt(client.clear(session_id))),
    },
    {
      name: all.remove,
      danger: true,
      act: () => confirmFirst(all.remove_sure, all.remove, () => attempt(client.deleteContact(session_id))),
    },
  ];
}

/**
 * Do it, and say why if it could not be done.
 * @param {Promise<unknown>} done
 */
export async function attempt(done) {
  try {
    await done;
  } catch (error) {
    toast(whyNot(error instanceof SixinError ? error.code : "internal"));
  }
}
