// One representation of a file, in one content coding, as the replies that it gives: whole, a part, several parts, or the news that
// the client has it already (RFC 9110 §13, §14). Knows nothing of where the octets come from.
import { HttpError } from "../base/errors.ts";
import { mayBePart, precondition, type Validators } from "../content/conditional.ts";
import { type ByteRange, byteRanges, contentRange, multipart } from "../content/range.ts";
import { type Body, type FileSlice, fileSlice, type Opener } from "../message/body.ts";
import { Fields } from "../message/fields.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";

/** Where the octets are: here, in a file, or only while they are made. */
export type Octets =
  | { readonly bytes: Uint8Array }
  | { readonly path: string; readonly size: number; readonly opener: Opener }
  | { readonly made: () => Body };

/** What is said of a representation. */
export interface Description {
  readonly type: string;
  readonly validators: Validators;
  /** Content-Encoding; undefined where there is none. */
  readonly encoding?: string | undefined;
  /** Whether another client may get another representation. */
  readonly varies: boolean;
  readonly cacheControl: string;
  /** Fields that were given: they win. */
  readonly headers: Fields;
}

const PIECE = 65_536;

export class Representation {
  readonly #octets: Octets;
  readonly #type: string;
  readonly #validators: Validators;
  /** Of every reply; those of a 304 begin with these. */
  readonly #fields: Fields;
  readonly #full: Fields;
  #whole: Reply | null = null;
  #notModified: Reply | null = null;

  constructor(octets: Octets, description: Description) {
    const { type, validators, encoding, varies, cacheControl, headers } = description;
    this.#octets = octets;
    this.#fields = new Fields();
    const fields = this.#fields;
    if (cacheControl !== "") fields.set("Cache-Control", cacheControl);
    if (validators.etag !== undefined) fields.set("ETag", validators.etag);
    if (validators.lastModified !== undefined) fields.set("Last-Modified", validators.lastModified);
    if (varies) fields.set("Vary", "Accept-Encoding");
    const full = new Fields({ "Content-Type": type, "X-Content-Type-Options": "nosniff" });
    if (encoding !== undefined) full.set("Content-Encoding", encoding);
    if (!("made" in octets)) full.set("Accept-Ranges", "bytes");
    for (const [name, value] of fields) full.add(name, value);
    give(full, headers, () => true);
    // RFC 9110 §15.4.5: of those that begin so, a 304 has this one alone.
    give(fields, headers, (name) => !/^content-(?!location$)/i.test(name));
    this.#full = full;
    this.#type = full.get("content-type") as string;
    this.#validators = { etag: full.get("etag"), lastModified: full.get("last-modified") };
  }

  /** Octets; undefined where they are made while they are sent. */
  get size(): number | undefined {
    const octets = this.#octets;
    return "made" in octets ? undefined : "bytes" in octets ? octets.bytes.length : octets.size;
  }

  /** The reply to a GET or HEAD; to any other method, whose conditions are of something else, the whole. @throws HttpError 412, 416. */
  answer(request: Request): Reply {
    const { headers, method } = request;
    const verdict = method === "GET" || method === "HEAD" ? precondition(request, this.#validators) : null;
    if (verdict === 304) return this.#unmodified();
    if (verdict === 412) throw new HttpError(412);
    const { size } = this;
    if (size !== undefined && method === "GET" && headers.has("range") && mayBePart(headers, this.#validators)) {
      const ranges = byteRanges(headers, size);
      if (ranges !== null) return this.#part(ranges, size);
    }
    const octets = this.#octets;
    if ("made" in octets) return reply(200, this.#full, octets.made());
    // A Reply is never written to: one is enough for everybody.
    if (this.#whole === null) this.#whole = reply(200, this.#full, this.#slice({ start: 0, end: size as number }));
    return this.#whole;
  }

  #unmodified(): Reply {
    if (this.#notModified === null) this.#notModified = reply(304, this.#fields);
    return this.#notModified;
  }

  #part(ranges: readonly ByteRange[], size: number): Reply {
    const [range] = ranges;
    if (range === undefined) throw new HttpError(416, undefined, { fields: { "Content-Range": `bytes */${size}` } });
    const fields = new Fields(this.#full);
    if (ranges.length === 1) {
      fields.set("Content-Range", contentRange(range, size));
      return reply(206, fields, this.#slice(range));
    }
    const { type, parts, tail, length } = multipart(ranges, size, this.#type);
    fields.set("Content-Type", type).set("Content-Length", String(length));
    const octets = this.#octets;
    if ("bytes" in octets) return reply(206, fields, heldPartsOf(octets.bytes, parts, tail));
    return reply(206, fields, partsOf((octets as { readonly opener: Opener }).opener, parts, tail));
  }

  #slice({ start, end }: ByteRange): Uint8Array | FileSlice {
    const octets = this.#octets;
    if ("bytes" in octets)
      return start === 0 && end === octets.bytes.length ? octets.bytes : octets.bytes.subarray(start, end);
    const { path, opener } = octets as { readonly path: string; readonly opener: Opener };
    return fileSlice(path, start, end, opener);
  }
}

/** Puts in what was given, in place of what was made; a field may have several lines. Vary keeps what is chosen by. */
function give(fields: Fields, given: Fields, mayHave: (name: string) => boolean): void {
  for (const [name] of given) if (mayHave(name) && !/^vary$/i.test(name)) fields.delete(name);
  for (const [name, value] of given) if (mayHave(name)) fields.add(name, value);
}

type Parts = readonly { readonly head: string; readonly range: ByteRange }[];

/** Several parts of octets that are here. No copy of them is made for a client that may take its time. */
async function* heldPartsOf(bytes: Uint8Array, parts: Parts, tail: string): AsyncGenerator<Uint8Array, undefined> {
  for (const { head, range } of parts) {
    yield Buffer.from(head, "latin1");
    yield bytes.subarray(range.start, range.end);
  }
  yield Buffer.from(tail, "latin1");
}

/** Several parts of a file, read through one handle while they are sent. */
async function* partsOf(opener: Opener, parts: Parts, tail: string): AsyncGenerator<Uint8Array | string, undefined> {
  const file = await opener();
  try {
    for (const { head, range } of parts) {
      yield head;
      for (let at = range.start; at < range.end; ) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE, range.end - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) return; // the engine cuts a body that is shorter than it was said to be
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    }
    yield tail;
  } finally {
    await file.close();
  }
}
