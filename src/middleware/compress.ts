// Replies in fewer octets, for clients that say they can decode them (RFC 9110 §12.5.3). What a reply says of its octets, length,
// tag and ranges, changes with them.

import { LocalError } from "../base/errors.ts";
import { compressed, ENCODINGS, type Encoding, encoded, encoder, isCompressible } from "../content/encoding.ts";
import { entityTags } from "../content/entity-tag.ts";
import { encodingFor } from "../content/negotiate.ts";
import { FileSlice, Takeover } from "../message/body.ts";
import { Fields, type ReadonlyFields } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import { Reply, reply, withFields } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { mayHaveBody } from "../message/status.ts";
import { addVary } from "./outcome.ts";

/** Which replies are compressed, and how. */
export interface CompressOptions {
  /** Codings, best first; br, zstd where this Node has it, gzip. */
  readonly encodings?: readonly Encoding[];
  /** Octets below which a body of known length is left alone; 1024. */
  readonly threshold?: number;
  /** Whether a type is worth it, by the value of Content-Type; text, JSON, XML, scripts, SVG, fonts that are not compressed. */
  readonly compressible?: (type: string) => boolean;
  /** How hard to try, by coding; what suits an answer that somebody waits for. */
  readonly levels?: Partial<Readonly<Record<Encoding, number>>>;
}

interface Plan extends Required<Omit<CompressOptions, "levels">> {
  readonly levels: Partial<Readonly<Record<Encoding, number>>>;
}

/**
 * Compresses the bodies of replies. Bodies that are streamed are flushed with each chunk, so that events arrive when they are sent.
 * Left alone: what is encoded already, parts (206), what says `Cache-Control: no-transform`, and types that would not become
 * smaller. A strong ETag becomes weak, since the octets are no longer those that it stands for (RFC 9110 §8.8.1).
 *
 * A page that has both a secret and what a stranger chose must not be compressed (BREACH): give it `no-transform`.
 *
 * @throws LocalError USE_BAD_OPTION; USE_UNSUPPORTED for a coding that this Node has not.
 *
 * @example
 * const handler = stack(answer, compress());
 */
export function compress(options: CompressOptions = {}): Middleware {
  const plan = planOf(options);
  return (next) => (request) => {
    const answer = next(request);
    if (answer instanceof Reply) return compressReply(plan, request, answer);
    return Promise.resolve(answer).then((later) =>
      Reply.is(later) ? compressReply(plan, request, later) : (later as Reply),
    );
  };
}

function planOf(options: CompressOptions): Plan {
  const { threshold = 1024, compressible = isCompressible, levels = {} } = options;
  // "deflate" means two things to clients, and whoever knows it knows gzip.
  const { encodings = ENCODINGS.filter((each) => each !== "deflate") } = options;
  if (!(threshold >= 0)) throw new LocalError("USE_BAD_OPTION", `threshold is a number of octets, not ${threshold}.`);
  for (const encoding of encodings) encoder(encoding, levelOf(levels, encoding)).destroy();
  return { encodings: [...encodings], threshold, compressible, levels };
}

function levelOf(levels: Plan["levels"], encoding: Encoding): { readonly level?: number } {
  const level = levels[encoding];
  return level === undefined ? {} : { level };
}

function compressReply(plan: Plan, request: Request, original: Reply): Reply | Promise<Reply> {
  if (original.status === 304) return notModified(request, original);
  // RFC 9110 §15.3.7: a part says what the whole would have said, which may have been compressed.
  if (original.status === 206) return isOfKind(plan, original) ? withFields(original, addOurs) : original;
  if (!isWorthIt(plan, original)) return original;
  const encoding = encodingFor(request, plan.encodings);
  if (encoding === undefined || encoding === "identity") {
    return withFields(original, addOurs);
  }
  const { body } = original;
  const level = levelOf(plan.levels, encoding);
  const whole = request.method === "HEAD" ? null : wholeOf(body);
  if (whole !== null) return compressWhole(original, whole, encoding, level);
  const flush = body instanceof FileSlice ? "end" : "chunk";
  const fields = encodedFields(original, encoding);
  const length = declaredOf(original);
  return reply(original.status, fields, compressed(body, encoding, { ...level, ...length, flush }), original.extras);
}

/** A body that is here as a whole; null for one that comes in pieces. */
function wholeOf(body: Reply["body"]): Uint8Array | null {
  if (typeof body === "string") return Buffer.from(body, "utf8");
  return body instanceof Uint8Array ? body : null;
}

const VARY = ["Accept-Encoding"];
const addOurs = (fields: Fields): void => addVary(fields, VARY);

async function compressWhole(
  original: Reply,
  bytes: Uint8Array,
  encoding: Encoding,
  level: { readonly level?: number },
): Promise<Reply> {
  const smaller = await encoded(bytes, encoding, level);
  if (smaller.length >= bytes.length) return withFields(original, addOurs);
  return reply(original.status, encodedFields(original, encoding), smaller, original.extras);
}

/** What the client has is of the representation that it was sent: the tag is the weak one, where it has that. */
function notModified(request: Request, original: Reply): Reply {
  return withFields(original, (fields) => {
    addVary(fields, VARY);
    const tag = fields.get("etag");
    if (tag?.startsWith('"') && entityTags(request.headers.all("if-none-match")).includes(`W/${tag}`))
      fields.set("ETag", `W/${tag}`);
  });
}

function encodedFields({ headers }: Reply, encoding: Encoding): Fields {
  const fields = new Fields(headers);
  addVary(fields, VARY);
  fields.set("Content-Encoding", encoding).delete("Content-Length").delete("Accept-Ranges");
  const tag = fields.get("etag");
  if (tag?.startsWith('"')) fields.set("ETag", `W/${tag}`);
  return fields;
}

function isWorthIt(plan: Plan, original: Reply): boolean {
  const { status, headers, body } = original;
  if (body === null || body instanceof Takeover || !mayHaveBody(status)) return false;
  if (headers.has("content-range") || !isOfKind(plan, original)) return false;
  const length = lengthOf(headers, body);
  return length === undefined || length >= plan.threshold;
}

/** Digests are of the octets as they are encoded (RFC 9530 §2, §3), and cannot be made anew before those are sent. */
const KEEPING = ["content-encoding", "content-digest", "repr-digest"];

function isOfKind({ compressible }: Plan, { headers }: Reply): boolean {
  const type = headers.get("content-type");
  if (type === undefined || !compressible(type) || KEEPING.some((name) => headers.has(name))) return false;
  return !headers.list("cache-control").some((directive) => directive.toLowerCase() === "no-transform");
}

/** The engine holds a streamed body to the length that it declares; once that is gone, who encodes it does. */
function declaredOf({ headers }: Reply): { readonly length?: number } {
  const declared = headers.get("content-length");
  return declared === undefined ? {} : { length: Number(declared) };
}

function lengthOf(headers: ReadonlyFields, body: NonNullable<Reply["body"]>): number | undefined {
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.length;
  if (body instanceof FileSlice) return body.end - body.start;
  const declared = headers.get("content-length");
  return declared === undefined ? undefined : Number(declared);
}
