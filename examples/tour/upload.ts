// An upload that is counted as it arrives, and a second answer that tells the count meanwhile. Nothing is kept, nor even copied:
// a piece is looked at where it was received, and if the count were slow the sender would be slowed down.
import { setTimeout as sleep } from "node:timers/promises";
import { type Handler, json, type Request } from "portico";
import { jsonLines } from "./json-lines.ts";

interface Count {
  bytes: number;
  pieces: number;
  state: "waiting" | "receiving" | "done" | "broken";
}

/** The counts that somebody watches, by the name that the page has given its upload. */
const watched = new Map<string, Count>();

const nameOf = (request: Request): string => request.query.get("name") ?? "";
const fresh = (): Count => ({ bytes: 0, pieces: 0, state: "waiting" });

export const upload: Handler = async (request) => {
  const count = watched.get(nameOf(request)) ?? fresh();
  const started = performance.now();
  count.state = "receiving";
  try {
    await request.body.forEach((piece) => {
      count.bytes += piece.length;
      count.pieces++;
    });
    count.state = "done";
  } finally {
    if (count.state !== "done") count.state = "broken";
  }
  return json({ bytes: count.bytes, pieces: count.pieces, milliseconds: performance.now() - started });
};

async function* follow(name: string, signal: AbortSignal): AsyncGenerator<Count> {
  const count = fresh();
  watched.set(name, count);
  try {
    while (count.state === "waiting" || count.state === "receiving") {
      yield count;
      await sleep(100, undefined, { signal });
    }
    yield count;
  } finally {
    watched.delete(name);
  }
}

export const progress: Handler = (request) => jsonLines(follow(nameOf(request), request.signal));
