/** A chat in a page of your own. Serve this folder with `src/sixin/web/sdk` copied beside it as `sdk`. */

import { connect, pairSessionId } from "./sdk/index.js";

// After the `#`, so that the token is in no server's log: chat.html#url=http://127.0.0.1:8080&token=…&to=1002
const { url, token, to } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

const me = await connect({ url, token });
const session_id = pairSessionId(me.me, to);
let read_up_to = "";

async function draw() {
  document.querySelector("output").value = me.unread_total;
  const { messages } = await me.history(session_id).catch(() => ({ messages: [] }));
  const lines = [...messages, ...me.pending(session_id).map(({ body }) => ({ ...body, sender: "…" }))];
  document.querySelector("ol").replaceChildren(
    ...lines.map(({ sender, content, status }) => {
      const line = document.createElement("li");
      line.textContent = `${sender}: ${content?.text ?? status}`;
      return line;
    }),
  );
  const newest = messages.at(-1)?.msg_id;
  if (me.contact(session_id)?.unread && newest && newest !== read_up_to) {
    read_up_to = newest; // once: what is queued changes the copy too, and draws again
    await me.read(session_id, newest);
  }
}

me.addEventListener("changed", draw);
me.enter(session_id);
await draw();

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  me.send({ session_id }, event.target.words.value);
  event.target.reset();
});
