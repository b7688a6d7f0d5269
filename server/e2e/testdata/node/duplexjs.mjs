// duplex.js with the WebSocket of a package. Prints its states, and when it has all
// messages up to the number on its input what it saw.

import { createInterface } from "node:readline";
import { Duplex } from "../../../web/duplex.js";

const { url, from } = JSON.parse(process.argv[2]);
const { WebSocket } = await import(from);
const duplex = new Duplex(url + "/ws", { WebSocket, topic: "numbers", presence: true, as: "Node" });
duplex.addEventListener("state", () => console.log(duplex.state));
let gaps = 0;
duplex.ongap = () => gaps++;
const numbers = [];
const values = [];
let last;
duplex.subscription.onmessage = ({ data }) => {
  numbers.push(data);
  if (data === last) end();
};
duplex.subscribe("values").onmessage = ({ data }) => values.push(data instanceof Uint8Array ? "bytes " + data.join() : data);
const answers = [];
for (const value of ["text", { a: [1, null] }, new Uint8Array([0, 255])]) answers.push(await duplex.publish("values", value));

createInterface(process.stdin).once("line", (line) => {
  last = line;
  if (numbers.includes(last)) end();
});

async function end() {
  const { messages } = await duplex.request({ get: "numbers", last: 1 });
  const { code } = await duplex.publish("not a topic", 1).catch((error) => error);
  const { here, count } = duplex.subscription;
  process.stdin.destroy();
  duplex.close();
  console.log(JSON.stringify({ numbers, answers, values, gaps, here: [...here], count, latest: messages[0].text, denied: code }));
}
