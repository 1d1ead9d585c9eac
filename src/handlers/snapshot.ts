// Files that were read once and are served from memory: each with all its representations made beforehand, a tag from its octets,
// and answered in the same turn. What changes on the disk afterwards is not seen, and nothing is looked for there.
import { HttpError, LocalError } from "../base/errors.ts";
import { type Encoding, encoded, isCompressible } from "../content/encoding.ts";
import { encodingFor } from "../content/negotiate.ts";
import type { Handler } from "../message/handler.ts";
import { type Reply, redirect, withFields } from "../message/reply.ts";
import { queryText, type Request } from "../message/request.ts";
import { canonicalPath } from "../message/target.ts";
import { mountedPath } from "../route/params.ts";
import { comparable } from "../route/spelling.ts";
import type { DotFiles, Symlinks } from "./below.ts";
import { cacheControlOf, type FileOptions, type Policy, plainCacheControl, policyOf } from "./file-options.ts";
import { beingChanged, digestOf, readSmall, validatorsOf } from "./file-state.ts";
import { folderOf, indexOf, otherMethod } from "./files.ts";
import { Representation } from "./representation.ts";
import { type Walked, walk } from "./walk.ts";

/** What snapshot() takes of a directory, and how much it may hold. */
export interface SnapshotOptions extends Omit<FileOptions, "etag" | "precompressed"> {
  /** As for files(). */
  readonly index?: string | readonly string[] | false;
  readonly dotFiles?: DotFiles;
  readonly symlinks?: Symlinks;
  readonly redirect?: boolean;
  /** Octets that all files and their compressed forms may have; 64 MiB. */
  readonly maxBytes?: number;
  /** How many files there may be; 10 000. */
  readonly maxFiles?: number;
  /** In which codings files are kept beside themselves; all that this Node has but deflate. False: none. */
  readonly compress?: boolean | readonly Encoding[];
}

/** Files in memory. */
export interface Snapshot {
  readonly handler: Handler;
  /** The paths that are answered, encoded; directories with their slash. */
  readonly paths: readonly string[];
  /** Octets that are held. */
  readonly bytes: number;
}

const BYTES = 67_108_864;
const FILES = 10_000;

/** Made once, so they may take their time; the highest levels take minutes for what they save. */
const LEVELS: Readonly<Record<Encoding, number>> = { br: 9, zstd: 12, gzip: 9, deflate: 9 };
const WORTH_BYTES = 256;

interface Held {
  readonly plain: Representation;
  readonly made: ReadonlyMap<Encoding, Representation>;
  readonly offered: readonly Encoding[];
}

/**
 * Reads all files below a directory into memory, and serves them from there.
 *
 * @throws LocalError USE_BAD_OPTION where they are more, or larger, than they may be, or the directory is not there; and as files().
 *
 * @example
 * const site = await snapshot("public", { cacheControl: "max-age=3600" });
 * const server = createServer(site.handler);
 */
export async function snapshot(root: string | URL, options: SnapshotOptions = {}): Promise<Snapshot> {
  const { dotFiles = "hide", symlinks = "inside", maxBytes = BYTES, maxFiles = FILES, redirect = true } = options;
  const policy = policyOf({ compress: true, ...options });
  const index = indexOf(options.index);
  const folder = folderOf(root);
  const held = new Map<string, Held>();
  const slashes = new Set<string>();
  let bytes = 0;
  for await (const walked of walk(folder, { dotFiles, symlinks }, maxFiles)) {
    const made = await hold(walked, policy, maxBytes - bytes);
    bytes += made.bytes;
    if (bytes > maxBytes) throw tooLarge();
    held.set(pathOf(walked.names), made.held);
    for (let i = 1; i < walked.names.length; i++) slashes.add(pathOf(walked.names.slice(0, i)));
  }
  if (held.size === 0) throw new LocalError("USE_BAD_OPTION", `There are no files below ${JSON.stringify(folder)}.`);
  const toSlash = new Set<string>();
  for (const path of ["", ...slashes]) {
    const name = index.find((each) => held.has(`${path}/${encodeName(each)}`));
    if (name === undefined) continue;
    held.set(`${path}/`, held.get(`${path}/${encodeName(name)}`) as Held);
    if (redirect && path !== "") toSlash.add(path);
  }
  const asCompared = new Map(Array.from(held, ([path, each]) => [comparable(path), each]));
  const handler = handlerOf(asCompared, new Set([...toSlash].map(comparable)), redirect, plainCacheControl(policy));
  return { handler, paths: [...held.keys()], bytes };
}

function tooLarge(): LocalError {
  return new LocalError("USE_BAD_OPTION", "The files, with what is made of them, have more octets than maxBytes.");
}

/** In the canonical form. */
function pathOf(names: readonly string[]): string {
  return names.map((name) => `/${encodeName(name)}`).join("");
}

function encodeName(name: string): string {
  return canonicalPath("GET", `/${encodeURIComponent(name)}`).slice(1);
}

async function hold({ names, found }: Walked, policy: Policy, room: number): Promise<{ held: Held; bytes: number }> {
  const { bytes, state } = await readSmall(found.path, room);
  if (bytes === null) throw state.size > room ? tooLarge() : beingChanged();
  const shown = `/${names.join("/")}`;
  const type = policy.typeOf(shown);
  const compressible = isCompressible(type) && bytes.length >= WORTH_BYTES;
  const digest = digestOf(bytes);
  const represent = (octets: Uint8Array, encoding?: Encoding): Representation =>
    new Representation(
      { bytes: octets },
      {
        type,
        validators: validatorsOf(state, digest, encoding === undefined ? "" : `-${encoding}`),
        encoding,
        varies: compressible && policy.compress.length > 0,
        cacheControl: cacheControlOf(policy, shown, type, bytes.length),
        headers: policy.headers,
      },
    );
  const made = new Map<Encoding, Representation>();
  let all = bytes.length;
  for (const encoding of compressible ? policy.compress : []) {
    const smaller = await encoded(bytes, encoding, { level: LEVELS[encoding] });
    if (smaller.length >= bytes.length) continue;
    made.set(encoding, represent(smaller, encoding));
    all += smaller.length;
  }
  return { held: { plain: represent(bytes), made, offered: [...made.keys()] }, bytes: all };
}

/** @param held @param toSlash by the paths as they are compared. */
function handlerOf(
  held: ReadonlyMap<string, Held>,
  toSlash: ReadonlySet<string>,
  mayRedirect: boolean,
  cacheControl: string,
): Handler {
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return otherMethod(request);
    // The canonical path has mended a malformed escape, which names nothing.
    if (request.target.includes("%") && /^[^?]*%(?![0-9a-f]{2})/i.test(request.target)) throw new HttpError(404);
    const path = comparable(mountedPath(request));
    if (toSlash.has(path) || (path === "/" && !request.path.endsWith("/"))) {
      if (!mayRedirect) throw new HttpError(404);
      return slashed(request, cacheControl);
    }
    const found = held.get(path);
    if (found === undefined) throw new HttpError(404);
    return choose(found, request);
  };
}

function choose({ plain, made, offered }: Held, request: Request): Reply {
  if (offered.length === 0) return plain.answer(request);
  const encoding = encodingFor(request, offered);
  if (encoding === undefined) throw new HttpError(406, undefined, { fields: { Vary: "Accept-Encoding" } });
  return (encoding === "identity" ? plain : (made.get(encoding) ?? plain)).answer(request);
}

function slashed(request: Request, cacheControl: string): Reply {
  const query = queryText(request);
  const location = `${request.path}/${query === undefined ? "" : `?${query}`}`;
  return withFields(redirect(location, 308), (fields) => fields.set("Cache-Control", cacheControl));
}
