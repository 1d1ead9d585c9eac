// Asks for downloads over one connection, one after the other, and says how fast they came: node download.js PORT BYTES SECONDS.
// Reads into one static buffer (the public `onread`), so that the receiver costs little more than the kernel's copy.
import { connect } from "node:net";

const [port = 0, bytes = 0, seconds = 0] = process.argv.slice(2).map(Number);
const request = "GET /download HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const buffer = Buffer.alloc(256 * 1024);

let head = "";
let left = 0; // of the body; while 0, a head is awaited
let received = 0;
let began = 0;

const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread: { buffer, callback: read } });
socket.on("connect", () => {
  began = performance.now();
  socket.write(request);
});
socket.on("close", () => {
  throw new Error(`The server closed: ${head.slice(0, 100)}`);
});

function read(length: number): boolean {
  if (left > 0) left -= length;
  else if (!readHead(length)) return true;
  if (left < 0) throw new Error("More came than was declared");
  if (left === 0) finish();
  return true;
}

/** False while the head goes on; then what came behind it counts as body. */
function readHead(length: number): boolean {
  head += buffer.toString("latin1", 0, length);
  const end = head.indexOf("\r\n\r\n");
  if (end < 0) return false;
  if (!head.startsWith("HTTP/1.1 200")) throw new Error(`Wrong answer: ${head.slice(0, end)}`);
  left = bytes - (head.length - end - 4);
  head = "";
  return true;
}

function finish(): void {
  received += bytes;
  const elapsed = (performance.now() - began) / 1000;
  if (elapsed < seconds) socket.write(request);
  else process.stdout.write(`${JSON.stringify({ bytes: received, seconds: elapsed })}\n`, () => process.exit(0));
}
