// How large a body one route takes, whatever the server's own limits say of the others.
import { LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import type { Fields } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import { type Inbound, show, tooLarge } from "../message/reading.ts";
import { derive } from "../message/request.ts";

/**
 * Refuses a body that is larger: by its declared length before any of it is asked for, so that a client that waits for 100 Continue
 * sends none; else when so many octets have come. It takes the place of `limits.bodyBytes` for bytes(), text() and json(), above or
 * below it, and binds reading piece by piece too. `limits.streamBytes` of the server holds beside it.
 *
 * @param octets 0 or more.
 * @throws LocalError USE_BAD_OPTION. HttpError 413 HTTP_BODY_TOO_LARGE, from the handler that it makes and from the body.
 *
 * @example
 * mux.on("POST /avatar", stack(save, bodyLimit(2_000_000)));
 */
export function bodyLimit(octets: number): Middleware {
  if (!Number.isSafeInteger(octets) || octets < 0) {
    throw new LocalError("USE_BAD_OPTION", `A limit is a number of octets, not ${octets}.`);
  }
  return (next) => (request) => {
    const { body } = request;
    if (body.length === 0) return next(request);
    if (body.length !== undefined && body.length > octets) throw tooLarge();
    return next(derive(request, { body: new LimitedBody(body, octets) }));
  };
}

/** A body that is no longer than so many octets. */
class LimitedBody implements Inbound {
  readonly #body: Inbound;
  readonly #most: number;

  constructor(body: Inbound, most: number) {
    this.#body = body;
    this.#most = most;
  }

  get length(): number | undefined {
    return this.#body.length;
  }

  get state(): Inbound["state"] {
    return this.#body.state;
  }

  get trailers(): Fields | null {
    return this.#body.trailers;
  }

  get limit(): number {
    return this.#most;
  }

  isEmpty(): Promise<boolean> {
    return this.#body.isEmpty();
  }

  bytes(limit?: number): Promise<Uint8Array> {
    return this.#body.bytes(this.#least(limit));
  }

  text(limit?: number): Promise<string> {
    return this.#body.text(this.#least(limit));
  }

  json<T = unknown>(limit?: number): Promise<T> {
    return this.#body.json<T>(this.#least(limit));
  }

  forEach(visit: (bytes: Uint8Array) => void): Promise<void> {
    let had = 0;
    return this.#body.forEach((bytes) => {
      had += bytes.length;
      if (had > this.#most) throw tooLarge();
      show(bytes, visit);
    });
  }

  cancel(reason?: Error): void {
    this.#body.cancel(reason);
  }

  /** NaN, for what is no number, is refused below. */
  #least(limit: number = this.#most): number {
    return Math.min(limit, this.#most);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    const pieces = this.#body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    let had = 0;
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      const step = await pieces.next();
      if (step.done === true) return step;
      had += step.value.length;
      if (had <= this.#most) return step;
      const error = tooLarge();
      this.#body.cancel(error);
      throw error;
    };
    return {
      next: () => handled(next()),
      return: async () => {
        await pieces.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}
