// A client that says exactly what it is told, octet by octet, right or wrong; what comes back is kept as it came. It knows
// a transport, and uses the machine of the wire only to see where one whole answer ends.
import { AssertionError } from "node:assert";
import { RemoteError } from "../base/errors.ts";
import type { Transport } from "../base/transport.ts";
import { Fields, type ReadonlyFields } from "../message/fields.ts";
import type { ResponseHead } from "../message/head.ts";
import { END } from "../wire/events.ts";
import { H1Machine } from "../wire/h1/machine.ts";
import { escaped } from "./escape.ts";

/** One whole answer. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: ReadonlyFields;
  /** One character an octet (Latin-1), as everything here; `Buffer.from(body, "latin1")` are the octets. */
  readonly body: string;
  readonly trailers: Fields | null;
  /** What came before it: 100, 102, 103. */
  readonly informational: readonly ResponseHead[];
}

/** How the other side ended: in order, by a FIN, or by cutting the connection. */
export type Ending = "fin" | "reset";

/** How a raw client behaves. */
export interface WireClientOptions {
  /**
   * What is done about a FIN: "end" ends our side too, as clients do; "stay" goes on sending until end() or reset().
   * Default "end".
   */
  readonly onFin?: "end" | "stay";
}

/** What until() takes: text that has to come, a pattern for it, or a question that is asked of all that is untaken. */
export type Awaited = string | RegExp | ((untaken: string) => boolean);

// Nothing in one process takes so long. Real time, because it is there for what never comes.
const GUARD = 5000;

/**
 * A raw client. Strings are Latin-1, so that each character is an octet.
 *
 * @example
 * const client = bench.connect();
 * client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 * const head = await client.until("\r\n\r\n");
 */
export class WireClient {
  /** Everything that came so far. */
  received = "";
  /** How the other side ended; undefined while it has not. After reset() it is "reset": nothing more will be known. */
  ending: Ending | undefined;
  /** Resolves when the other side has ended, with how. */
  readonly closed: Promise<Ending>;
  readonly #transport: Transport;
  readonly #onFin: "end" | "stay";
  #taken = 0;
  #settle: (ending: Ending) => void = () => {};
  #changed: (() => void)[] = [];

  constructor(transport: Transport, options: WireClientOptions = {}) {
    this.#transport = transport;
    this.#onFin = options.onFin ?? "end";
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    transport.open({
      data: (bytes, start, end) => {
        this.received += Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
        this.#tell();
      },
      end: () => {
        this.#end("fin");
        if (this.#onFin === "end") transport.end();
      },
      drain: () => this.#tell(),
      close: (error) => this.#end(error === undefined ? "fin" : "reset"),
    });
  }

  /** What came and was not yet taken by until(), answer() or exchange(). */
  get untaken(): string {
    return this.received.slice(this.#taken);
  }

  /** Octets that were sent and that the other side has not yet read. */
  get pending(): number {
    return this.#transport.pending;
  }

  /** Sends octets. To a side that has cut the connection they are lost, as they would be. */
  send(octets: string | Uint8Array): this {
    this.#transport.write([typeof octets === "string" ? octets : Uint8Array.from(octets)]);
    return this;
  }

  /** Ends our side: a FIN behind what was sent. Reading goes on. */
  end(): this {
    this.#transport.end();
    return this;
  }

  /** Cuts the connection. */
  reset(): this {
    this.#end("reset");
    this.#transport.destroy();
    return this;
  }

  /** Stops reading: what comes waits, and the other side is slowed down. */
  pause(): this {
    this.#transport.pause();
    return this;
  }

  /** Reads again. */
  resume(): this {
    this.#transport.resume();
    return this;
  }

  /**
   * Waits for what has to come, and takes it: the next until() looks behind it.
   *
   * @returns what was taken: up to and with the text or the match; everything where it was a question.
   * @throws AssertionError that shows what came, where the connection ends first, or nothing comes for five seconds.
   */
  until(awaited: Awaited): Promise<string> {
    return this.#wait(`${typeof awaited === "function" ? "what was asked for" : String(awaited)}`, () => {
      const { untaken } = this;
      const length = matchEnd(untaken, awaited);
      if (length < 0) return undefined;
      this.#taken += length;
      return untaken.slice(0, length);
    });
  }

  /**
   * Waits for one whole answer, and takes it.
   *
   * @param method of the request that it answers: an answer to HEAD has no body, one to CONNECT makes a tunnel.
   * @throws AssertionError as until(), and where what came is no answer.
   */
  answer(method = "GET"): Promise<Answer> {
    return this.#wait(`an answer to ${method}`, () => {
      const read = readAnswer(this.untaken, method, this.ending === "fin");
      if (read === undefined) return undefined;
      this.#taken = this.received.length - read.left;
      return read.answer;
    });
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @example
   * const { status, body } = await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
   */
  exchange(request: string): Promise<Answer> {
    return this.send(request).answer(/^(?:\r\n)*([^ ]*)/.exec(request)?.[1] ?? "GET");
  }

  #wait<T>(wanted: string, look: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(guard);
        const message = `${escaped(wanted)} did not come: ${why}. Received and not taken: "${escaped(this.untaken)}"`;
        reject(new AssertionError({ message, actual: this.untaken, expected: wanted }));
      };
      const guard = setTimeout(fail, GUARD, `nothing more came for ${GUARD} ms`);
      const check = (): void => {
        let found: T | undefined;
        try {
          found = look();
        } catch (error) {
          if (!(error instanceof RemoteError)) throw error;
          return fail(error.message);
        }
        if (found !== undefined) {
          clearTimeout(guard);
          resolve(found);
        } else if (this.ending !== undefined) fail(`the connection ended (${this.ending})`);
        else this.#changed.push(check);
      };
      check();
    });
  }

  #end(ending: Ending): void {
    if (this.ending === undefined) this.ending = ending;
    this.#settle(this.ending);
    this.#tell();
  }

  #tell(): void {
    for (const check of this.#changed.splice(0)) check();
  }
}

function matchEnd(text: string, awaited: Awaited): number {
  if (typeof awaited === "function") return awaited(text) ? text.length : -1;
  if (typeof awaited === "string") {
    const at = text.indexOf(awaited);
    return at < 0 ? -1 : at + awaited.length;
  }
  const match = new RegExp(awaited.source, awaited.flags.replace(/[gy]/g, "")).exec(text);
  return match === null ? -1 : match.index + match[0].length;
}

/** The first whole answer in the text, and how much is left behind it; undefined where it is not whole. */
function readAnswer(text: string, method: string, ended: boolean): { answer: Answer; left: number } | undefined {
  const machine = new H1Machine("client");
  const headers = new Fields({ Upgrade: "anything" }); // whatever it switches to was asked for
  machine.send({ type: "request", head: { method, target: "/", version: "1.1", headers }, length: 0 }, () => {});
  machine.send(END, () => {});
  machine.receive(Buffer.from(text, "latin1"));
  if (ended) machine.receive(null);
  const informational: ResponseHead[] = [];
  let head: ResponseHead | undefined;
  let body = "";
  for (;;) {
    const event = machine.next();
    if (event === "switched" && head !== undefined) {
      const left = machine.buffered;
      return { answer: { ...parts(head), body, trailers: null, informational }, left };
    }
    if (typeof event === "string") return undefined;
    if (event.type === "informational") informational.push(event.head);
    else if (event.type === "response") head = event.head;
    else if (event.type === "data") body += Buffer.from(event.bytes as Uint8Array).toString("latin1");
    else if (event.type === "end" && head !== undefined) {
      return { answer: { ...parts(head), body, trailers: event.trailers, informational }, left: machine.buffered };
    } else return undefined;
  }
}

function parts({ status, reason, headers }: ResponseHead): Pick<Answer, "status" | "reason" | "headers"> {
  return { status, reason, headers };
}
