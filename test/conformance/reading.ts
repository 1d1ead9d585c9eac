// The paths of the site that read what a client would rather have, has already, or sends: conditions, weights, ranges, forms, cookies.
import { HttpError } from "../../src/base/errors.ts";
import {
  byteRanges,
  contentRange,
  cookies,
  encodingFor,
  form,
  language,
  mayBePart,
  precondition,
  preferred,
} from "../../src/content/index.ts";
import { empty, type Reply, reply, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";

const BYTES = Buffer.from("0123456789");
/** With a comma and a backslash, which an entity tag may have and a quoted string could not. */
const STATE = { etag: '"a,b\\"', lastModified: "Tue, 14 Nov 2023 22:13:20 GMT" };
const ETAG = { ETag: STATE.etag };
const CODINGS = ["br", "gzip"];

function tagged(request: Request): Reply {
  const verdict = precondition(request, STATE);
  if (verdict === 304) return empty(304, ETAG);
  if (verdict === 412) throw new HttpError(412);
  const [range] = (mayBePart(request.headers, STATE) ? byteRanges(request.headers, BYTES.length) : null) ?? [];
  if (range === undefined) return reply(200, ETAG, BYTES);
  const fields = { ...ETAG, "Content-Range": contentRange(range, BYTES.length) };
  return reply(206, fields, BYTES.subarray(range.start, range.end));
}

function ranges({ headers }: Request): Reply {
  const found = byteRanges(headers, BYTES.length);
  return text(found === null ? "whole" : found.map(({ start, end }) => `${start}-${end}`).join(" "));
}

export const READING: Readonly<Record<string, (request: Request) => Reply | Promise<Reply>>> = {
  "/tagged": tagged,
  "/ranges": ranges,
  "/coded": (request) => text(encodingFor(request, CODINGS) ?? "none"),
  "/liked": (request) => text(preferred(request, ["text/plain", "text/html"]) ?? "none"),
  "/spoken": (request) => text(language(request, ["en", "de"]) ?? "none"),
  "/form-text": async (request) =>
    text(Array.from(await form(request), ([name, value]) => `${name}=${value}`).join(" ")),
  "/cookies": (request) => text(Array.from(cookies(request), ([name, value]) => `${name}=${value}`).join(" | ")),
};
