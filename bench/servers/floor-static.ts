// The floor of one read buffer shared by all connections. Node documents `onread` for sockets one makes oneself; for accepted
// ones the socket's own symbols are set while it is still paused, as PERFORMANCE.md §1 (a) describes. Where a Node has other
// internals this floor ends with an error rather than measure something else.
import { createServer, type Server, type Socket } from "node:net";
import { announce, behaviourAsked, portOf } from "./announce.ts";
import type { Behaviour } from "./content.ts";
import { answererFor } from "./floor.ts";

interface Internals {
  readonly _handle?: { useUserBuffer?: (buffer: Uint8Array) => void };
  [symbol: symbol]: unknown;
}

const behaviour = behaviourAsked();
const answerer = answererFor(behaviour);
const shared = new Uint8Array(64 * 1024);

function serve(socket: Socket): void {
  const answer = answerer();
  adopt(socket, (length) => {
    const due = answer(shared, length);
    if (due !== "") socket.write(due, "latin1");
    return true;
  });
  socket.on("error", () => socket.destroy());
  socket.resume();
}

function adopt(socket: Socket, read: (length: number) => boolean): void {
  const inside = socket as unknown as Internals;
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find((symbol) => symbol.description === "kBuffer");
  const callback = symbols.find((symbol) => symbol.description === "kBufferCb");
  const handle = inside._handle;
  if (buffer === undefined || callback === undefined || handle?.useUserBuffer === undefined) {
    throw new Error("This Node has no static buffer for accepted sockets");
  }
  inside[buffer] = shared;
  inside[callback] = read;
  handle.useUserBuffer(shared);
}

async function make(asked: Behaviour): Promise<Server> {
  if (asked !== "tls") return createServer({ noDelay: true, pauseOnConnect: true }, serve);
  const [tls, { CERTIFICATE, KEY }] = await Promise.all([import("node:tls"), import("./certificate.ts")]);
  return tls.createServer({ key: KEY, cert: CERTIFICATE, noDelay: true, pauseOnConnect: true }, serve);
}

const server = await make(behaviour);
server.listen(0, "127.0.0.1", () => announce(portOf(server.address())));
