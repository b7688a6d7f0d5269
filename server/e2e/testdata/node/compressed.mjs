// What clients send where messages are compressed: each has to come back.

import { bytes, equal } from "./talk.mjs";

/** A message like those of a chat: much of it was in the one before. */
const chat = (i) => JSON.stringify({
  id: 4711 + i, room: "lobby", from: ["ada", "grace", "edsger"][i % 3], text: `message number ${i * i}, hällo wörld`.repeat(1 + (i % 7)),
});

/** So many bytes that do not shrink. */
function noise(size) {
  let x = 123456789 + size;
  return Uint8Array.from({ length: size }, () => {
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    return x & 255;
  });
}

/** Texts and bytes, small and large, that shrink and that do not. */
export function* messages() {
  for (let i = 0; i < 40; i++) yield chat(i);
  yield "";
  yield noise(0);
  yield noise(2000);
  yield chat(3); // what came before the noise is remembered, the noise is not
  yield "х".repeat(70000); // Cyrillic, far more than any window
  yield bytes(70000);
  yield noise(20000);
  yield Array.from({ length: 300 }, (_, i) => chat(i)).join("\n");
  for (let i = 0; i < 10; i++) yield chat(i);
}

/** Sends all messages, waits for each to come back, and closes. */
export async function exchange(talk, send = (ws, data) => ws.send(data)) {
  await talk.opened;
  let sent = 0;
  let returned = 0;
  for (const data of messages()) {
    sent++;
    send(talk.ws, data, sent);
    const back = await talk.next();
    if (typeof back === typeof data && equal(back, data)) returned++;
  }
  talk.ws.close(1000);
  return { extensions: talk.ws.extensions, sent, returned, end: await talk.closed };
}
