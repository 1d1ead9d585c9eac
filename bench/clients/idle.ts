// Opens many connections, makes one request on each and then leaves them open: node idle.js PORT COUNT. Says how many are open
// once all are answered, and again for every line on its input: a server that closed some would otherwise look small.
import { connect } from "node:net";

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
/** So many are on their way at a time: less than any listen backlog. */
const AT_ONCE = 100;

let started = 0;
let answered = 0;
let openNow = 0;

for (let n = 0; n < Math.min(AT_ONCE, count); n++) start();

process.stdin.on("data", tell);
process.stdin.on("end", () => process.exit(0));

function start(): void {
  started++;
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  openNow++;
  socket.setEncoding("latin1");
  socket.write(request);
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (!text.endsWith("Hello, world!")) return;
    text = "";
    answered++;
    if (started < count) start();
    else if (answered === count) tell();
  });
  socket.on("error", (error) => {
    throw error;
  });
  socket.on("close", () => {
    openNow--;
  });
}

function tell(): void {
  process.stdout.write(`${JSON.stringify({ open: openNow })}\n`);
}
