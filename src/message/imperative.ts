// The ancestors' face of a handler: it is given a response and tells it to start, write, flush and end. A thin adapter: start
// makes a Reply over a Pipe, and everything below sees a handler like any other.
import { asError, isHalfClosed, LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { makerFor } from "./answer.ts";
import type { Body } from "./body.ts";
import type { FieldsInit } from "./fields.ts";
import type { Handler } from "./handler.ts";
import { Markup } from "./html.ts";
import { Pipe } from "./pipe.ts";
import { Reply, reply } from "./reply.ts";
import { conventionsOf, hostOf, type Request } from "./request.ts";

/** How a response is written step by step. */
export interface ImperativeOptions {
  /**
   * What becomes of a call that comes out of turn: a second start, what is written before it or behind the end. "throw"; or
   * "report": the error is reported, the call does nothing, and the function goes on. Where left out, as the app says.
   */
  readonly outOfTurn?: "throw" | "report";
}

/** A response that is written step by step. Where calls out of turn are reported, none of its methods throws USE_ errors for them. */
export interface Responder {
  readonly state: "fresh" | "started" | "ended";
  /**
   * Sets status and fields, which leave with the first chunk; the body follows in chunks.
   *
   * @param status a number, or its digits.
   * @throws LocalError USE_STARTED the second time; USE_BAD_STATUS, USE_BAD_FIELD.
   */
  start(status: number | string, headers?: FieldsInit): this;
  /**
   * Sends a chunk, its size counted in octets; text becomes UTF-8. An empty chunk, or an empty part of one, is ignored.
   *
   * @param start, end which part of the chunk: octets of bytes, characters of text.
   * @returns false: wait for drained(). Always false once the client has left.
   * @throws LocalError USE_NOT_STARTED, USE_ENDED.
   */
  write(chunk: Uint8Array | string, start?: number, end?: number): boolean;
  /**
   * What was written leaves now, and not only at the end of the turn; the head alone, where nothing was.
   *
   * @throws LocalError USE_NOT_STARTED, USE_ENDED.
   */
  flush(): void;
  /** Ends the body, with a last chunk. @throws LocalError USE_NOT_STARTED, USE_ENDED. */
  end(chunk?: Uint8Array | string): void;
  /** The whole response at once: its length is declared. @throws LocalError USE_STARTED. */
  send(status: number | string, headers?: FieldsInit, body?: string | Uint8Array | null): void;
  /** Resolves when there is room for more; rejects when the client has left. */
  drained(): Promise<void>;
}

/**
 * A handler from a function that writes its response. The head leaves with the first write(), by flush(), or 100 ms after start().
 * Where the function throws (or its promise rejects) before, the reply is 500 or the status of the HttpError; after it, the connection
 * is cut off so that the client can tell; after end() or send(), the error is reported and the reply stands.
 *
 * A function that has written nothing may return its answer: text, markup, bytes, a Reply, a plain object or a list. Beside a
 * reply that it has written that is an error, USE_STARTED, as if thrown. Whatever else it returns means nothing: most calls return
 * something.
 *
 * A function that returns no promise may start later, from a callback. The promise of an async function says when it is
 * through: where it resolves and nothing was started, the reply is 500, and USE_NOT_STARTED is reported.
 *
 * @throws LocalError USE_BAD_OPTION.
 *
 * @example
 * imperative((request, response) => {
 *   response.start(200, { "Content-Type": "text/plain" });
 *   response.write("one, ");
 *   response.end("two");
 * });
 */
export function imperative(
  answer: (request: Request, response: Responder) => unknown,
  { outOfTurn }: ImperativeOptions = {},
): Handler {
  if (outOfTurn !== undefined && outOfTurn !== "throw" && outOfTurn !== "report") {
    throw new LocalError("USE_BAD_OPTION", `outOfTurn is throw or report, not ${String(outOfTurn)}.`);
  }
  return (request) => {
    const response = new PipedResponder(request, outOfTurn ?? conventionsOf(request)?.said.outOfTurn ?? "throw");
    try {
      const returned = answer(request, response);
      if (returned instanceof Promise) {
        returned.then(
          (value: unknown) => response.through(value),
          (error: unknown) => response.fail(error),
        );
      } else response.returned(returned);
    } catch (error) {
      response.fail(error);
    }
    return response.reply();
  };
}

/** Whether it can be meant as an answer. Not a number, as push() gives, nor an object of some class, as timers are. */
function isAnswer(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value === "string";
  if (Reply.is(value) || value instanceof Markup || value instanceof Uint8Array) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

class PipedResponder implements Responder {
  readonly #request: Request;
  readonly #outOfTurn: "throw" | "report";
  #reply: Reply | null = null;
  #pipe: Pipe | null = null;
  #ended = false;
  /** Why nobody takes a reply any more: the function failed without one, or the client has left. */
  #lost: { readonly why: unknown } | null = null;
  #settle: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void } | null = null;

  constructor(request: Request, outOfTurn: "throw" | "report") {
    this.#request = request;
    this.#outOfTurn = outOfTurn;
  }

  get state(): Responder["state"] {
    if (this.#ended) return "ended";
    return this.#reply === null ? "fresh" : "started";
  }

  start(status: number | string, headers?: FieldsInit): this {
    if (this.#reply !== null) return this.#refuse("USE_STARTED", this);
    const pipe = new Pipe();
    this.#begin(status, headers, pipe);
    this.#pipe = pipe;
    if (this.#lost !== null) pipe.cancel(asError(this.#lost.why));
    return this;
  }

  write(chunk: Uint8Array | string, start?: number, end?: number): boolean {
    const pipe = this.#started();
    if (pipe === null) return true;
    return pipe.write(start === undefined && end === undefined ? chunk : cut(chunk, start, end));
  }

  flush(): void {
    this.#started()?.flush();
  }

  end(chunk?: Uint8Array | string): void {
    const pipe = this.#started();
    if (pipe === null) return;
    if (chunk !== undefined) pipe.write(chunk);
    this.#ended = true;
    pipe.end();
  }

  send(status: number | string, headers?: FieldsInit, body: string | Uint8Array | null = null): void {
    if (this.#reply !== null) return this.#refuse("USE_STARTED", undefined);
    this.#begin(status, headers, body);
    this.#ended = true;
  }

  drained(): Promise<void> {
    return this.#started()?.drained() ?? Promise.resolve();
  }

  /** The reply: at once where it was started, else when it will be. */
  reply(): Reply | Promise<Reply> {
    if (this.#reply !== null) return this.#reply;
    if (this.#lost !== null) throw this.#lost.why;
    const { signal } = this.#request;
    // Behind the client's FIN a reply may still be written: the engine waits for one, and for how long.
    if (signal.aborted && !isHalfClosed(signal.reason)) throw this.#lose(signal.reason);
    const later = new Promise<Reply>((resolve, reject) => {
      const leave = (): void => {
        if (!isHalfClosed(signal.reason)) this.#settle?.reject(this.#lose(signal.reason));
      };
      const settled = (): void => {
        this.#settle = null;
        signal.removeEventListener("abort", leave);
      };
      this.#settle = {
        resolve(made) {
          settled();
          resolve(made);
        },
        reject(error) {
          settled();
          reject(error);
        },
      };
      signal.addEventListener("abort", leave);
    });
    return handled(later);
  }

  /** What the function returned at once: its answer, or nothing that means one. */
  returned(value: unknown): void {
    if (!isAnswer(value)) return;
    if (this.#reply !== null) {
      return this.fail(new LocalError("USE_STARTED", "The function has written a reply, and returned one besides."));
    }
    if (this.#lost !== null) return;
    const made = makerFor(this.#request)(value);
    this.#ended = true;
    this.#take(made);
  }

  /** The promise of the function has resolved. */
  through(value: unknown): void {
    try {
      this.returned(value);
    } catch (error) {
      this.fail(error);
    }
    if (this.#reply === null && this.#lost === null) {
      this.fail(new LocalError("USE_NOT_STARTED", "The function's promise has resolved, and nothing will."));
    }
  }

  /** The function has failed. Where the reply can still tell, it does; an error that nobody would hear of is reported. */
  fail(error: unknown): void {
    if (this.#reply === null && this.#lost === null) {
      this.#lose(error);
      this.#settle?.reject(error);
    } else if (this.#pipe !== null && !this.#ended && !this.#pipe.cancelled.aborted) {
      this.#pipe.fail(error as Error);
    } else if (!this.#known(error)) {
      hostOf(this.#request).report(error);
    }
  }

  /** Whether it is what the function was told: why nobody takes its reply any more, passed on. */
  #known(error: unknown): boolean {
    if (this.#lost !== null) return error === this.#lost.why;
    const cancelled = this.#pipe?.cancelled;
    return cancelled?.aborted === true && error === cancelled.reason;
  }

  #lose(why: unknown): unknown {
    this.#lost = { why };
    return why;
  }

  #begin(status: number | string, headers: FieldsInit | undefined, body: Body): void {
    const code = typeof status === "string" && /^\d{3}$/.test(status) ? Number(status) : (status as number);
    this.#take(reply(code, headers, body));
  }

  #take(made: Reply): void {
    this.#reply = made;
    this.#settle?.resolve(made);
  }

  /** Null where that was said already, and the call is to do nothing. */
  #started(): Pipe | null {
    if (this.#ended) return this.#refuse("USE_ENDED", null);
    return this.#pipe ?? this.#refuse("USE_NOT_STARTED", null);
  }

  #refuse<T>(code: "USE_STARTED" | "USE_NOT_STARTED" | "USE_ENDED", instead: T): T {
    const error = new LocalError(code);
    if (this.#outOfTurn === "throw") throw error;
    hostOf(this.#request).report(error);
    return instead;
  }
}

function cut(chunk: Uint8Array | string, start = 0, end: number = chunk.length): Uint8Array | string {
  return typeof chunk === "string" ? chunk.slice(start, end) : chunk.subarray(start, end);
}
