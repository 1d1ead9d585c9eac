// The bytes of a request's content: what is left when its Content-Encoding is undone, kept for all who ask; and what text they
// are. Knows no parser.
import { isAscii } from "node:buffer";
import { HttpError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { type Decode, DecodedBody, decoderOf, mostEncoded } from "../message/decoded.ts";
import { Fields } from "../message/fields.ts";
import { checkLimit, decodeText, type Inbound, tooLarge } from "../message/reading.ts";
import { derive, hasContent, Key, type Request, readsContent } from "../message/request.ts";
import { type MediaType, readMediaType } from "./media-type.ts";

/**
 * The same request with its content as it was before it was coded: gzip, br, deflate, and zstd where this Node has it (RFC 9110
 * §8.4). Nothing is read by this. A request without a content coding, or without content, is returned as it is.
 *
 * @param limit bytes that the decoded content may have, piece by piece too; `limits.bodyBytes` where left out, Infinity for none.
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE with Accept-Encoding, for another coding or for more than one; while it is read:
 *   413 HTTP_BODY_TOO_LARGE beyond the limit, 400 HTTP_BAD_CODING where it is not what it says.
 *
 * @example
 * const text = await decodeBody(request).body.text();
 */
export function decodeBody(request: Request, limit?: number): Request {
  if (limit !== undefined) checkLimit(limit);
  const decode = request.body.length === 0 ? null : decoderOf(request.headers);
  if (decode === null) return request;
  const headers = new Fields(request.headers).delete("content-encoding").delete("content-length");
  return derive(request, { headers, body: decodedOf(request, decode, limit) });
}

// A derived request shares the keys of the one that it was made of, and may have another body: whatever is kept under a key
// belongs to a body.
const DECODED = new Key<{ readonly encoded: Inbound; readonly body: Inbound }>("decoded content");

/** One decoder for one body, whoever asks for it. */
function decodedOf(request: Request, decode: Decode, limit: number | undefined): Inbound {
  const { body: encoded } = request;
  const kept = request.get(DECODED);
  if (kept?.encoded === encoded) return kept.body;
  const body = new DecodedBody(encoded, decode, limit);
  request.set(DECODED, { encoded, body });
  return body;
}

interface Collected {
  readonly body: Inbound;
  readonly bytes: Promise<Uint8Array>;
}

const OCTETS = new Key<Collected>("octets of the content");

/**
 * The content of a request, decoded and whole. It is read when it is first asked for, and kept: who asks again, or asks for
 * what it was parsed to, gets the same object.
 *
 * @param limit bytes, of what was sent and of what that becomes; `limits.bodyBytes` where left out.
 * @returns null for GET, HEAD, TRACE and CONNECT, whose content means nothing; it is not read.
 * @throws HttpError 413 HTTP_BODY_TOO_LARGE; as decodeBody(); as `request.body.bytes()`.
 *
 * @example
 * const octets = await bodyBytes(request);
 */
export function bodyBytes(request: Request, limit?: number): Promise<Uint8Array | null> {
  return handled(collected(request, limit));
}

async function collected(request: Request, limit: number | undefined): Promise<Uint8Array | null> {
  if (!readsContent(request)) return null;
  const present = hasContent(request);
  if (present === false || !(present === true || (await present))) return request.body.bytes(limit);
  const { body } = decodeBody(request, limit);
  const kept = request.get(OCTETS);
  if (kept?.body === body) return kept.bytes;
  const bytes = body.bytes(limit);
  request.set(OCTETS, { body, bytes });
  return bytes;
}

/** Refuses a length that is too large before anything is read, and so before any 100 Continue. */
export function checkDeclared({ headers, body }: Request, limit: number | undefined): void {
  if (limit === undefined || body.length === undefined) return;
  if (body.length > (headers.has("content-encoding") ? mostEncoded(limit) : limit)) throw tooLarge();
}

/**
 * Octets as text, in a charset of Content-Type: utf-8 where none is named, us-ascii or iso-8859-1.
 *
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE for another charset; 400 HTTP_BAD_TEXT where the octets are no such text.
 */
export function decodeCharset(octets: Uint8Array, charset = "utf-8"): string {
  switch (charset.toLowerCase()) {
    case "utf-8":
    case "utf8":
      return decodeText(octets);
    case "us-ascii":
    case "ascii":
      if (!isAscii(octets)) throw new HttpError(400, "The body is not valid US-ASCII.", { code: "HTTP_BAD_TEXT" });
      return latin1(octets);
    case "iso-8859-1":
    case "latin1":
      return latin1(octets);
    default:
      throw new HttpError(415, "This charset is not known here.", { code: "HTTP_UNSUPPORTED_TYPE" });
  }
}

/** A media type with its parameters; undefined where the text is none. */
export function mediaType(value: string | undefined): MediaType | undefined {
  return value === undefined ? undefined : readMediaType(value);
}

function latin1(octets: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(octets, 0, octets.length);
}
