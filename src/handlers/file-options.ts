// What may be said of files that are served, checked once, and what follows from it for each of them.
import { basename } from "node:path";
import { LocalError } from "../base/errors.ts";
import { ENCODINGS, type Encoding } from "../content/encoding.ts";
import { type ExtraTypes, mediaTypes, type TypeOf } from "../content/media.ts";
import { Fields, type FieldsInit } from "../message/fields.ts";
import type { TagKind } from "./file-state.ts";

/** What a policy may ask of a file. */
export interface FileInfo {
  readonly name: string;
  /** Below the root, decoded, beginning with a slash; of a single file its name, behind a slash. */
  readonly path: string;
  /** The value of Content-Type. */
  readonly type: string;
  /** Octets. */
  readonly size: number;
}

/** Cache-Control, or a function that makes one for each file; empty for none. */
export type CachePolicy = string | ((file: FileInfo) => string);

/** What may be said of a file, however it is served. */
export interface FileOptions {
  /** "no-cache" where left out: a client may keep it, and asks each time whether it is still current. */
  readonly cacheControl?: CachePolicy;
  /** More fields of the reply; they win over those that are made. */
  readonly headers?: FieldsInit;
  /** Media types by extension, beside those that are known: `{ tea: "text/x-tea" }`. */
  readonly types?: ExtraTypes;
  /** The type of a name that says nothing; "application/octet-stream". */
  readonly unknownType?: string;
  /** What an ETag is made of; "weak", size and time. */
  readonly etag?: TagKind;
  /**
   * Whether a file that is compressed already, beside the one asked for, is sent to who accepts it: `a.js.br`, `a.js.zst`,
   * `a.js.gz`. Not one that is older than what it was made of. A list says which, best first. False.
   */
  readonly precompressed?: boolean | readonly Encoding[];
  /** Whether files of a type that becomes smaller are compressed while they are sent. A list says how, best first. False. */
  readonly compress?: boolean | readonly Encoding[];
}

/** The endings of compressed files. */
export const ENDINGS: Readonly<Record<Encoding, string>> = { br: ".br", zstd: ".zst", gzip: ".gz", deflate: ".zz" };

/** "deflate" means two things to clients, and whoever knows it knows gzip. */
const USUAL: readonly Encoding[] = ENCODINGS.filter((each) => each !== "deflate");
const SIBLINGS: readonly Encoding[] = ["br", "zstd", "gzip"];

/** The options, checked. */
export interface Policy {
  readonly cacheControl: CachePolicy;
  readonly headers: Fields;
  readonly typeOf: TypeOf;
  readonly etag: TagKind;
  readonly precompressed: readonly Encoding[];
  readonly compress: readonly Encoding[];
}

/** @throws LocalError USE_BAD_OPTION, USE_BAD_FIELD; USE_UNSUPPORTED for a coding that this Node has not. */
export function policyOf(options: FileOptions): Policy {
  const { cacheControl = "no-cache", headers, types, unknownType, etag = "weak" } = options;
  if (!["weak", "strong", "none"].includes(etag)) throw new LocalError("USE_BAD_OPTION", `etag is ${String(etag)}.`);
  const compress = listOf(options.compress, USUAL);
  for (const encoding of compress) {
    if (!ENCODINGS.includes(encoding)) throw new LocalError("USE_UNSUPPORTED", `The content coding is ${encoding}.`);
  }
  const precompressed = listOf(options.precompressed, SIBLINGS);
  for (const encoding of precompressed) {
    if (ENDINGS[encoding] === undefined) throw new LocalError("USE_BAD_OPTION", `The content coding is ${encoding}.`);
  }
  if (typeof cacheControl === "string") new Fields({ "Cache-Control": cacheControl });
  return {
    cacheControl,
    headers: new Fields(headers ?? []),
    typeOf: mediaTypes(types, unknownType),
    etag,
    precompressed,
    compress,
  };
}

function listOf(option: boolean | readonly Encoding[] | undefined, usual: readonly Encoding[]): readonly Encoding[] {
  return option === true ? usual : option === undefined || option === false ? [] : [...option];
}

/** Cache-Control of a file. */
export function cacheControlOf(policy: Policy, path: string, type: string, size: number): string {
  const { cacheControl } = policy;
  return typeof cacheControl === "string" ? cacheControl : cacheControl({ name: basename(path), path, type, size });
}

/** Cache-Control of an answer that is no file: a list, a redirect. */
export function plainCacheControl({ cacheControl }: Policy): string {
  return typeof cacheControl === "string" && cacheControl !== "" ? cacheControl : "no-cache";
}
