// Plays a transcript against a server, in ways that have to give the same: what is sent arrives whole, octet by octet, in
// pieces cut at random, and with another request behind it.
import { parseDate } from "../message/date.ts";
import type { WireClient } from "./client.ts";
import { difference, escaped } from "./escape.ts";
import type { Loopback } from "./loopback.ts";
import { type Chance, seeded } from "./random.ts";
import { type Step, type Transcript, wrong } from "./transcript.ts";

/** How what is sent arrives. */
export type Way = "whole" | "bytewise" | "cut" | "tail";

/** What play() plays against, and in which ways. */
export interface PlayOptions {
  /** A new server for each playing, made after the settings of the case. */
  readonly serve: (settings: readonly string[]) => Loopback;
  /** All of them where left out. */
  readonly ways?: readonly Way[];
  /** Where "cut" cuts; 1 where left out. */
  readonly seed?: number;
}

const WAYS: readonly Way[] = ["whole", "bytewise", "cut", "cut", "cut", "tail"];

/** The request that "tail" sends behind the last octets of a case. */
export const TAIL = "GET /tail HTTP/1.1\r\nHost: tail\r\n\r\n";

/**
 * Plays a case in every way. "tail" puts TAIL behind the last octets: where the case ends with the server's FIN it must not
 * be answered, else it must be answered as on a connection of its own. It is left out where the client ends or resets, and
 * by the setting "no tail".
 *
 * After each playing the client ends its side, and no connection may be left.
 *
 * @throws LocalError USE_TRANSCRIPT with file, line and way, and what came against what was expected.
 *
 * @example
 * for (const each of parseTranscripts(text, "hello.txt")) {
 *   test(each.title, () => play(each, { serve: () => loopback(handler) }));
 * }
 */
export async function play(transcript: Transcript, options: PlayOptions): Promise<void> {
  const chance = seeded(options.seed ?? 1);
  for (const way of options.ways ?? WAYS) {
    if (way === "tail" && !allowsTail(transcript)) continue;
    await using bench = options.serve(transcript.settings);
    const playing = new Playing(transcript, way, bench, chance);
    await playing.run();
  }
}

function allowsTail({ settings, steps }: Transcript): boolean {
  return !settings.includes("no tail") && !steps.some(({ type }) => type === "send-end");
}

class Playing {
  readonly #transcript: Transcript;
  readonly #way: Way;
  readonly #bench: Loopback;
  readonly #chance: Chance;
  readonly #client: WireClient;
  #expected = "";

  constructor(transcript: Transcript, way: Way, bench: Loopback, chance: Chance) {
    this.#transcript = transcript;
    this.#way = way;
    this.#bench = bench;
    this.#chance = chance;
    this.#client = bench.connect({ onFin: "stay" });
  }

  async run(): Promise<void> {
    const { steps } = this.#transcript;
    const lastSend = steps.findLastIndex(({ type }) => type === "send");
    for (const [index, step] of steps.entries()) {
      if (this.#way === "tail" && index === lastSend && step.type === "send") {
        await this.#step({ ...step, octets: step.octets + TAIL });
      } else await this.#step(step);
    }
    const last = steps.at(-1) as Step;
    const ended = this.#client.ending !== undefined;
    if (this.#way === "tail" && !ended) await this.#tailAnswered(last.line);
    this.#exact(last.line);
    if (ended && !steps.some(({ type }) => type === "expect-end" || type === "send-end")) {
      throw this.#wrong(last.line, `The server ended the connection (${this.#client.ending}), which nothing expected.`);
    }
    await this.#leave(last.line);
  }

  async #step(step: Step): Promise<void> {
    switch (step.type) {
      case "send":
        await this.#send(step.octets);
        return this.#bench.settled();
      case "send-end":
        if (step.how === "fin") this.#client.end();
        else this.#client.reset();
        return this.#bench.settled();
      case "tick":
        this.#bench.clock.tick(step.milliseconds);
        return this.#bench.settled();
      case "expect":
        return this.#expect(step.octets, step.line);
      case "expect-end":
        this.#exact(step.line);
        if (this.#client.ending === step.how) return;
        throw this.#wrong(step.line, `The end is ${this.#client.ending ?? "not there"}, not ${step.how}.`);
    }
  }

  async #send(octets: string): Promise<void> {
    let at = 0;
    while (at < octets.length) {
      const size = this.#pieceSize(octets.length);
      this.#client.send(octets.slice(at, at + size));
      at += size;
      // A turn between two pieces, else they would arrive as one.
      if (at < octets.length) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #pieceSize(length: number): number {
    if (this.#way === "bytewise") return 1;
    return this.#way === "cut" ? 1 + this.#chance(Math.max(1, Math.floor(length / 2))) : length;
  }

  #expect(octets: string, line: number): void {
    this.#expected += octets;
    const received = normalised(this.#client.received);
    const isTail = this.#way === "tail" || !this.#isLastExpect(line);
    if (isTail ? received.startsWith(this.#expected) : received === this.#expected) return;
    throw this.#wrong(line, difference(this.#expected, received));
  }

  #isLastExpect(line: number): boolean {
    return this.#transcript.steps.findLast(({ type }) => type === "expect")?.line === line;
  }

  async #tailAnswered(line: number): Promise<void> {
    const reference = this.#bench.connect({ onFin: "stay" });
    reference.send(TAIL);
    await this.#bench.settled();
    this.#expected += normalised(reference.received);
    reference.end();
    this.#exact(line);
  }

  #exact(line: number): void {
    const received = normalised(this.#client.received);
    if (received !== this.#expected) throw this.#wrong(line, difference(this.#expected, received));
  }

  async #leave(line: number): Promise<void> {
    this.#client.end();
    await this.#bench.settled();
    const { open } = this.#bench.server.stats;
    if (open > 0) throw this.#wrong(line, `${open} connections are left after the client has ended.`);
  }

  #wrong(line: number, what: string): Error {
    const { file, title } = this.#transcript;
    return wrong(file, line, `"${title}", played ${this.#way}.\n${what}`);
  }
}

/** Every valid Date line becomes `Date: *`; one that is not valid stays, and so differs. */
function normalised(text: string): string {
  return text.replace(/^Date: (.{29})\r\n/gm, (line, date: string) =>
    parseDate(date) === undefined || escaped(date) !== date ? line : "Date: *\r\n",
  );
}
