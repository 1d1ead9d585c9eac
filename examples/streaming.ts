// You will see a countdown that arrives second by second (`curl -N`); leave early, and the program says so.
import { setTimeout as sleep } from "node:timers/promises";
import { createServer, reply } from "portico";

async function* countdown(from: number, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for (let n = from; n > 0; n--) {
      yield `${n}\n`;
      await sleep(1000, undefined, { signal });
    }
    yield "Lift-off!\n";
  } finally {
    console.log(signal.aborted ? "somebody left early" : "somebody saw it all");
  }
}

const server = createServer((request) => {
  const from = Number(request.query.get("from") ?? 10);
  return reply(200, { "Content-Type": "text/plain; charset=utf-8" }, countdown(from, request.signal));
});

await server.listen(Number(process.env.PORT ?? 8000));
console.log(server.url);
