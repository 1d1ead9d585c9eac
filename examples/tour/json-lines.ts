// An answer of one JSON value a line, each sent as soon as it is there.
import { type Reply, reply } from "portico";

export function jsonLines(values: AsyncIterable<unknown>): Reply {
  return reply(200, { "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" }, lines(values));
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}
