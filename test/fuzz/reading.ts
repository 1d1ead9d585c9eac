// What a handler may read of a request, all of it: whatever comes, it is read, or refused by an HttpError.
import { HttpError } from "../../src/base/errors.ts";
import { readDisposition } from "../../src/content/disposition.ts";
import { entityTags } from "../../src/content/entity-tag.ts";
import {
  byteRanges,
  cookies,
  encodingFor,
  language,
  mayBePart,
  parameters,
  parseForm,
  precondition,
  preferred,
} from "../../src/content/index.ts";
import { readMediaType } from "../../src/content/media-type.ts";
import { Fields } from "../../src/message/fields.ts";
import { type Reply, text } from "../../src/message/reply.ts";
import { authority, queryText, type Request } from "../../src/message/request.ts";
import { canonicalPath, decodeComponent, parseAuthority } from "../../src/message/target.ts";
import { isFieldValue, splitList } from "../../src/message/token.ts";
import { credentialsOf } from "../../src/middleware/credentials.ts";
import { hopsOf } from "../../src/middleware/forwarded.ts";
import { originOf } from "../../src/middleware/origin.ts";

const STATE = { etag: '"a,b\\"', lastModified: "Tue, 14 Nov 2023 22:13:20 GMT" };

/** Reads everything of a request that there is a reader for. */
export async function readAll(request: Request): Promise<Reply> {
  const { headers } = request;
  const said = [
    preferred(request, ["text/plain", "text/html"]),
    language(request, ["en", "de"]),
    encodingFor(request, ["br", "gzip"]),
    precondition(request, STATE),
    mayBePart(headers, STATE),
    byteRanges(headers, 100)?.length,
    cookies(request).size,
    originOf(request),
    authority(request).host,
    credentialsOf(request, "basic"),
    hopsOf(headers, "forwarded").length,
    hopsOf(headers, "x-forwarded").length,
    request.query.size,
    parseForm(queryText(request) ?? "").size,
    (await parameters(request)).size,
  ];
  return text(JSON.stringify(said).replace(/[^\x20-\x7e]/g, "?"));
}

/** The same of any text, by each reader alone. @throws what is no HttpError. */
export function readText(input: string): void {
  const value = Array.from(input.slice(0, 4096), (character) => (isFieldValue(character) ? character : " ")).join("");
  const names = [
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Range",
    "Cookie",
  ];
  const headers = new Fields(
    [...names, "Origin", "Authorization", "Forwarded", "X-Forwarded-For"].map((name) => [name, value] as const),
  );
  const request = { method: "GET", headers } as Request;
  const readers: (() => unknown)[] = [
    () => preferred(request, ["text/plain", "text/html"]),
    () => language(request, ["en", "de"]),
    () => encodingFor(request, ["br", "gzip"]),
    () => precondition(request, STATE),
    () => mayBePart(headers, STATE),
    () => byteRanges(headers, 100),
    () => originOf(request),
    () => credentialsOf(request, "basic"),
    () => hopsOf(headers, "forwarded"),
    () => hopsOf(headers, "x-forwarded"),
    () => entityTags([value]),
    () => readMediaType(value),
    () => readDisposition(value),
    () => readDisposition(`form-data; name="a"; ${value}`),
    () => parseAuthority(value),
    () => canonicalPath("GET", `/${value}`),
    () => decodeComponent(value, "space"),
    () => parseForm(value),
    () => splitList(value),
  ];
  for (const read of readers) {
    try {
      read();
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
    }
  }
}
