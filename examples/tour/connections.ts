// The list of live connections, twice a second, until the client leaves or the server ends.
import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, type Handler, type Request, serverOf } from "portico";
import { jsonLines } from "./json-lines.ts";

function describe({ peer, phase, since, request, received, sent }: Connection): object {
  const inHand = request && `${request.method} ${request.target}`;
  return { peer: `${peer.address}:${peer.port}`, age: Date.now() - since, phase, request: inHand, received, sent };
}

async function* snapshots(request: Request): AsyncGenerator<object[]> {
  const { connections } = serverOf(request);
  const own = [...connections].find((connection) => connection.request === request);
  while (own?.phase === "active") {
    yield Array.from(connections, describe);
    await sleep(500, undefined, { signal: request.signal });
  }
}

export const connections: Handler = (request) => jsonLines(snapshots(request));
