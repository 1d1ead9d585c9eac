// The ancestors' face of a handler: it is given a response and tells it to start, write, flush and end. A thin adapter: start
// makes a Reply over a Pipe, and everything below sees a handler like any other.
import { LocalError } from "../base/errors.ts";
import type { Body } from "./body.ts";
import type { FieldsInit } from "./fields.ts";
import type { Handler } from "./handler.ts";
import { Pipe } from "./pipe.ts";
import { type Reply, reply } from "./reply.ts";
import type { Request } from "./request.ts";

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
 * so that the client can tell.
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
    const response = new PipedResponder();
    let returned: unknown;
    try {
      returned = answer(request, response);
    } catch (error) {
      response.fail(error);
    }
    if (returned instanceof Promise) returned.catch((error: unknown) => response.fail(error));
    return response.reply(request);
  };
}

class PipedResponder implements Responder {
  #reply: Reply | null = null;
  #pipe: Pipe | null = null;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #settle: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void } | null = null;

  get state(): Responder["state"] {
    if (this.#ended) return "ended";
    return this.#reply === null ? "fresh" : "started";
  }

  start(status: number | string, headers?: FieldsInit): this {
    this.#begin(status, headers, (this.#pipe = this.#pipe ?? new Pipe()));
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
  reply(request: Request): Reply | Promise<Reply> {
    if (this.#failure !== null && this.#reply === null) throw this.#failure.error;
    if (this.#reply !== null) return this.#reply;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true });
    });
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#settle?.reject(error);
    this.#pipe?.fail(error instanceof Error ? error : new Error(String(error)));
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
