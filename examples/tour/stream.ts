// An answer that arrives piece by piece: whatever can be iterated can be a body. If the client leaves, the signal ends the
// wait, and with it the generator.
import { setTimeout as sleep } from "node:timers/promises";
import { type Handler, reply } from "portico";

const LIFE_OF_A_REQUEST = [
  "Your browser wrote a request, and the kernel handed its bytes to Node.",
  "They came in one buffer that all connections share.",
  "The wire machine scanned the head once and checked every octet of it.",
  "Two lengths, a bare line feed, a space before a colon: it would have been refused here.",
  "A request was made of it, with path, query and body still unread.",
  "The handler was called. It is an ordinary function.",
  "It returned a reply whose body is a generator.",
  "The head left at once, and each piece leaves when it is ready.",
  "If you read slowly, the generator waits for you.",
  "If you leave, it is told, and stops.",
  "This is the last piece. The connection stays open for the next request.",
];

async function* pieces(signal: AbortSignal): AsyncGenerator<string> {
  for (const sentence of LIFE_OF_A_REQUEST) {
    yield `${sentence}\n`;
    await sleep(350, undefined, { signal });
  }
}

export const stream: Handler = (request) =>
  reply(200, { "Content-Type": "text/plain; charset=utf-8" }, pieces(request.signal));
