// The ancestors' face of a handler: it is given a response and tells it to start, write, flush and end. A thin adapter: start
// makes a Reply over a Pipe, and everything below sees a handler like any other.
import { asError, isHalfClosed, LocalError } from "../base/errors.ts";
import type { Body } from "./body.ts";
import type { FieldsInit } from "./fields.ts";
import type { Handler } from "./handler.ts";
import { Pipe } from "./pipe.ts";
import { type Reply, reply } from "./reply.ts";
import { hostOf, type Request } from "./request.ts";

/** A response that is written step by step. */
export interface Responder {
  readonly state: "fresh" | "started" | "ended";
  /**
   * Sets status and fields; the body follows in chunks.
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
  /** What was written leaves now, and not only at the end of the turn. @throws LocalError USE_NOT_STARTED, USE_ENDED. */
  flush(): void;
  /** Ends the body, with a last chunk. @throws LocalError USE_NOT_STARTED, USE_ENDED. */
  end(chunk?: Uint8Array | string): void;
  /** The whole response at once: its length is declared. @throws LocalError USE_STARTED. */
  send(status: number | string, headers?: FieldsInit, body?: string | Uint8Array | null): void;
  /** Resolves when there is room for more; rejects when the client has left. */
  drained(): Promise<void>;
}

/**
 * A handler from a function that writes its response. What the function returns is ignored, but where it throws (or its
 * promise rejects) before start(), the reply is 500 or the status of the HttpError; after start(), the connection is cut off
 * so that the client can tell; after end() or send(), the error is reported and the reply stands.
 *
 * A function that returns no promise may start later, from a callback. The promise of an async function says when it is
 * through: where it resolves and nothing was started, the reply is 500, and USE_NOT_STARTED is reported.
 *
 * @example
 * imperative((request, response) => {
 *   response.start(200, { "Content-Type": "text/plain" });
 *   response.write("one, ");
 *   response.end("two");
 * });
 */
export function imperative(answer: (request: Request, response: Responder) => unknown): Handler {
  return (request) => {
    const response = new PipedResponder(request);
    try {
      const returned = answer(request, response);
      if (returned instanceof Promise) {
        returned.then(
          () => response.through(),
          (error: unknown) => response.fail(error),
        );
      }
    } catch (error) {
      response.fail(error);
    }
    return response.reply();
  };
}

class PipedResponder implements Responder {
  readonly #request: Request;
  #reply: Reply | null = null;
  #pipe: Pipe | null = null;
  #ended = false;
  /** Why nobody takes a reply any more: the function failed without one, or the client has left. */
  #lost: { readonly why: unknown } | null = null;
  #settle: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void } | null = null;

  constructor(request: Request) {
    this.#request = request;
  }

  get state(): Responder["state"] {
    if (this.#ended) return "ended";
    return this.#reply === null ? "fresh" : "started";
  }

  start(status: number | string, headers?: FieldsInit): this {
    const pipe = new Pipe();
    this.#begin(status, headers, pipe);
    this.#pipe = pipe;
    if (this.#lost !== null) pipe.cancel(asError(this.#lost.why));
    return this;
  }

  write(chunk: Uint8Array | string, start?: number, end?: number): boolean {
    const part = start === undefined && end === undefined ? chunk : cut(chunk, start, end);
    return this.#started().write(part);
  }

  flush(): void {
    this.#started().flush();
  }

  end(chunk?: Uint8Array | string): void {
    const pipe = this.#started();
    if (chunk !== undefined) pipe.write(chunk);
    this.#ended = true;
    pipe.end();
  }

  send(status: number | string, headers?: FieldsInit, body: string | Uint8Array | null = null): void {
    this.#begin(status, headers, body);
    this.#ended = true;
  }

  drained(): Promise<void> {
    return this.#started().drained();
  }

  /** The reply: at once where it was started, else when it will be. */
  reply(): Reply | Promise<Reply> {
    if (this.#reply !== null) return this.#reply;
    if (this.#lost !== null) throw this.#lost.why;
    const { signal } = this.#request;
    // Behind the client's FIN a reply may still be written: the engine waits for one, and for how long.
    if (signal.aborted && !isHalfClosed(signal.reason)) throw this.#lose(signal.reason);
    return new Promise((resolve, reject) => {
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
  }

  /** The function is through. */
  through(): void {
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
      this.#pipe.fail(asError(error));
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
    if (this.#reply !== null) throw new LocalError("USE_STARTED");
    this.#reply = reply(
      typeof status === "string" && /^\d{3}$/.test(status) ? Number(status) : (status as number),
      headers,
      body,
    );
    this.#settle?.resolve(this.#reply);
  }

  #started(): Pipe {
    if (this.#ended) throw new LocalError("USE_ENDED");
    if (this.#reply === null || this.#pipe === null) throw new LocalError("USE_NOT_STARTED");
    return this.#pipe;
  }
}

function cut(chunk: Uint8Array | string, start = 0, end: number = chunk.length): Uint8Array | string {
  return typeof chunk === "string" ? chunk.slice(start, end) : chunk.subarray(start, end);
}
