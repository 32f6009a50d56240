/** What one can do with a conversation, the same from the list and from its head. */

import { LABELS_MAX, LABEL_CHARS_MAX, SixinError } from "../../sdk/index.js";
import { whyNot, words } from "../words/index.js";
import { confirmFirst, field, openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { toast } from "./toast.js";

/** @import {Account} from "../models/account.js" */
/** @import {Contact} from "../../sdk/types.js" */

/**
 * @param {Account} account
 * @param {Contact} contact
 */
export function contactChoices({ client }, { session_id, pinned, muted, labels }) {
  const all = words();
  return [
    { name: pinned ? all.unpin : all.pin, act: () => attempt(client.pin(session_id, !pinned)) },
    { name: muted ? all.unmute : all.mute, act: () => attempt(client.mute(session_id, !muted)) },
    { name: all.label, act: () => askLabels(labels, (wanted) => attempt(client.label(session_id, wanted))) },
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
 * @param {string[]} labels
 * @param {(labels: string[]) => void} put
 */
function askLabels(labels, put) {
  const { input, row } = field(words().labels, { maxlength: String(LABELS_MAX * (LABEL_CHARS_MAX + 2)) });
  input.value = labels.join(", ");
  openDialog(words().label, [row, h("p", { class: "hint" }, words().labels_hint)], words().save, () => {
    const wanted = input.value.split(/[,，、]/).map((label) => [...label.trim()].slice(0, LABEL_CHARS_MAX).join(""));
    put([...new Set(wanted.filter(Boolean))].slice(0, LABELS_MAX));
  });
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
