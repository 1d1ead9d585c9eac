// The floor of 'data' events: what node:net costs when nothing is parsed, over TCP or, for that row, over TLS. Reads as every
// net server in the documentation does: a fresh Buffer for each read.
import { createServer, type Server, type Socket } from "node:net";
import { announce, behaviourAsked, portOf } from "./announce.ts";
import type { Behaviour } from "./content.ts";
import { answererFor } from "./floor.ts";

const behaviour = behaviourAsked();
const answerer = answererFor(behaviour);

function serve(socket: Socket): void {
  const answer = answerer();
  socket.on("data", (bytes: Buffer) => {
    const due = answer(bytes, bytes.length);
    if (due !== "") socket.write(due, "latin1");
  });
  socket.on("error", () => socket.destroy());
}

async function make(asked: Behaviour): Promise<Server> {
  if (asked !== "tls") return createServer({ noDelay: true }, serve);
  const [tls, { CERTIFICATE, KEY }] = await Promise.all([import("node:tls"), import("./certificate.ts")]);
  return tls.createServer({ key: KEY, cert: CERTIFICATE, noDelay: true }, serve);
}

const server = await make(behaviour);
server.listen(0, "127.0.0.1", () => announce(portOf(server.address())));
