// One part of a form, as its octets come from the library's stream. It is a view of a form that is read once, from its beginning
// to its end: a part asks the form for more, and the form says what a part may have.
import type { Readable } from "node:stream";
import { HttpError, LocalError } from "../base/errors.ts";
import { handled, handledSteps } from "../base/handled.ts";
import type { Fields } from "../message/fields.ts";
import { Collected, checkLimit, tooLarge } from "../message/reading.ts";
import type { Request } from "../message/request.ts";
import type { Disposition } from "./disposition.ts";
import { decodeCharset, mediaType } from "./octets.ts";
import { badParameter } from "./params.ts";
import { type UploadedFile, uploads } from "./uploads.ts";

/** One part of a form. It is read once, before the next part is asked for; what is not read is skipped. */
export interface Part extends AsyncIterable<Uint8Array> {
  readonly name: string;
  /** Undefined for a field; of a file its last segment without controls, which may be empty. */
  readonly filename: string | undefined;
  /** The media type that it says it has, without parameters, in lower case; "text/plain" where it says none. */
  readonly type: string;
  readonly headers: Fields;
  /** All of it. @throws HttpError 413 HTTP_BODY_TOO_LARGE beyond the limit, or that of fields or files. */
  bytes(limit?: number): Promise<Uint8Array>;
  /**
   * All of it as text in its charset; where it names none, in the one that a field `_charset_` before it named, if that was read
   * (RFC 7578 §4.6), else UTF-8.
   *
   * @throws HttpError 400 HTTP_BAD_PARAMETER where it is no such text; 415 HTTP_UNSUPPORTED_TYPE for a charset that is not
   *   known; as bytes().
   */
  text(limit?: number): Promise<string>;
  /**
   * Writes it to a new temporary file, which is deleted when the upload is cut off, the client leaves, or uploads() is disposed
   * of, unless it is kept.
   *
   * @param folder where; that of the system for temporary files where left out.
   */
  save(folder?: string): Promise<UploadedFile>;
}

/** The form that a part is in. */
export interface PartSource {
  readonly request: Request;
  /** That of text which names none; undefined for UTF-8. */
  charset: string | undefined;
  /** Octets that the part may have. */
  limitOf(part: Part): number;
  /** Takes the next octets. @throws why that cannot be. */
  step(): Promise<void>;
  /** @throws why the form cannot be read further: what was cut off never passes for a whole part. */
  check(): void;
}

/** One that is not known here counts for nothing: most text is the same in all of them. */
function isKnownCharset(charset: string): boolean {
  try {
    decodeCharset(new Uint8Array(0), charset);
    return true;
  } catch {
    return false;
  }
}

/** A part of a form that is read. Made by the form. */
export class ReceivedPart implements Part {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string;
  readonly headers: Fields;
  readonly #form: PartSource;
  readonly #stream: Readable;
  readonly #charset: string | undefined;
  #state: "unread" | "reading" | "done" = "unread";
  #ended = false;
  #size = 0;

  constructor(form: PartSource, stream: Readable, headers: Fields, { name, filename }: Disposition) {
    const type = mediaType(headers.get("content-type"));
    this.name = name;
    this.filename = filename;
    this.type = type?.essence ?? (headers.has("content-type") ? "application/octet-stream" : "text/plain");
    this.headers = headers;
    this.#form = form;
    this.#stream = stream;
    this.#charset = type?.params.get("charset");
    stream.once("end", () => {
      this.#ended = true;
    });
  }

  bytes(limit?: number): Promise<Uint8Array> {
    return handled(this.#collect(limit));
  }

  text(limit?: number): Promise<string> {
    return handled(this.#text(limit));
  }

  async #collect(limit: number = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    checkLimit(limit);
    const collected = new Collected(undefined, Math.min(limit, this.#form.limitOf(this)), this.#what());
    for await (const piece of this) collected.add(piece);
    return collected.bytes;
  }

  async #text(limit: number | undefined): Promise<string> {
    const octets = await this.#collect(limit);
    try {
      const text = decodeCharset(octets, this.#charset ?? this.#form.charset);
      if (this.name === "_charset_" && isKnownCharset(text)) this.#form.charset = text;
      return text;
    } catch (error) {
      if (error instanceof HttpError && error.status === 400) {
        throw badParameter(this.name, "is not valid text in its charset");
      }
      throw error;
    }
  }

  save(folder?: string): Promise<UploadedFile> {
    const { name, filename = "", type } = this;
    return uploads(this.#form.request).save({ name, filename, type }, this, folder);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    return handledSteps(this.#pieces());
  }

  async *#pieces(): AsyncGenerator<Uint8Array, undefined, undefined> {
    if (this.#state !== "unread") throw new LocalError("USE_BODY_USED");
    this.#state = "reading";
    const most = this.#form.limitOf(this);
    for (let piece = await this.#next(); piece !== null; piece = await this.#next()) {
      this.#size += piece.length;
      if (this.#size > most) throw tooLarge(this.#what());
      yield piece;
    }
  }

  /** The rest is read and dropped. Who still reads it gets an error, so that a part never passes for the whole. */
  async skip(): Promise<void> {
    if (this.#state === "done") return;
    for (let piece = await this.#take(); piece !== null; piece = await this.#take());
    this.#state = "done";
  }

  async #next(): Promise<Uint8Array | null> {
    if (this.#state === "done") throw new LocalError("USE_BODY_USED", "The next part of the form was asked for.");
    const piece = await this.#take();
    if (piece === null) this.#state = "done";
    return piece;
  }

  async #take(): Promise<Uint8Array | null> {
    for (;;) {
      const piece = this.#stream.read() as Uint8Array | null;
      if (piece !== null) return piece;
      // A stream tells of its end in the tick after it was read.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (this.#ended) {
        this.#form.check();
        return null;
      }
      await this.#form.step();
    }
  }

  #what(): string {
    return this.filename === undefined ? "A field of the form is too large." : "A file is too large.";
  }
}
