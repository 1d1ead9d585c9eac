// The entry point `portico/testing`: what Portico is tested with. A server in memory, a client that says what it is told, a
// clock that is turned by hand, and conversations as text.
export { FakeClock } from "../base/clock.ts";
export { type Answer, type Awaited, type Ending, WireClient, type WireClientOptions } from "./client.ts";
export { difference, escaped, unescaped } from "./escape.ts";
export { type Loopback, loopback } from "./loopback.ts";
export { type PlayOptions, play, TAIL, type Way } from "./play.ts";
export { type Chance, seeded } from "./random.ts";
export { parseTranscripts, type Step, type Transcript } from "./transcript.ts";
