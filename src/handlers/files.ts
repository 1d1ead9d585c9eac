// A directory as a handler: what a path names below the root, with its type, its validators and its octets. What is not there, not to
// be seen, or no file, is 404 alike: an answer says nothing about the disk.
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpError, LocalError } from "../base/errors.ts";
import { handledIfLater } from "../base/handled.ts";
import type { Handler } from "../message/handler.ts";
import { empty, type Reply, redirect, withFields } from "../message/reply.ts";
import { queryText, type Request } from "../message/request.ts";
import { mountedPath } from "../route/params.ts";
import { type DotFiles, type Found, findBelow, type Hidden, namesIn, type Symlinks } from "./below.ts";
import { type FileOptions, type Policy, plainCacheControl, policyOf } from "./file-options.ts";
import { listing } from "./listing.ts";
import type { ListingPage } from "./listing-page.ts";
import { ServedFile } from "./served-file.ts";
import { SmallFiles } from "./small-files.ts";

/** What files() serves of a directory. */
export interface FilesOptions extends FileOptions {
  /** The file that stands for its directory, or several names, of which the first that is there does; "index.html". False: none. */
  readonly index?: string | readonly string[] | false;
  /** Whether a directory without an index is shown as a list, or what makes its page; false, and it is 404. */
  readonly listing?: boolean | ListingPage;
  /** So many entries a list has at most, and says that there are more; 2000. */
  readonly listingLimit?: number;
  /** Whether names that begin with a dot are served; "hide", and they are 404, but for `.well-known` at the root (RFC 8615). */
  readonly dotFiles?: DotFiles;
  /** Which symbolic links are followed; "inside", those that lead to something below the root. */
  readonly symlinks?: Symlinks;
  /** Whether a directory that is asked for without its slash is answered with 308 to it; true. False: 404. */
  readonly redirect?: boolean;
  /** Octets that may be held of small files, so that they are not read each time; 16 MiB. 0: none. */
  readonly memory?: number;
}

interface Site {
  readonly roots: readonly string[];
  readonly policy: Policy;
  readonly hidden: Hidden;
  readonly index: readonly string[];
  readonly listing: ListingPage | boolean;
  readonly listingLimit: number;
  readonly redirect: boolean;
  readonly kept: SmallFiles | null;
}

const ALLOW = { Allow: "GET, HEAD, OPTIONS" };
const MEMORY_BYTES = 16_777_216;
const LISTING_LIMIT = 2000;

/**
 * Serves the files below a directory, by the path of the request: the part of it that is left, where it is mounted at
 * `/static/{path...}` or at a prefix.
 *
 * A path names a file only if that exists and lies inside the root after every symbolic link is resolved. Directories are
 * answered by their index, and by a redirect where the slash at their end is missing.
 *
 * @param root a path, relative to the working directory of now, or a file: URL; or several, of which the first that has what is
 *   asked for answers. None need exist yet.
 * @throws LocalError USE_BAD_OPTION for a type that is none, an index with a slash, a limit that is none; USE_BAD_FIELD,
 *   USE_UNSUPPORTED.
 *
 * @example
 * const server = createServer(files("public"));
 */
export function files(root: string | URL | readonly (string | URL)[], options: FilesOptions = {}): Handler {
  const site = siteOf(root, options);
  return (request) => {
    if (request.method === "GET" || request.method === "HEAD") return handledIfLater(serve(site, request));
    return otherMethod(request);
  };
}

/** The answer to a method that no file has. @throws HttpError 405 with Allow. */
export function otherMethod({ method }: Request): Reply {
  if (method === "OPTIONS") return empty(204, ALLOW);
  throw new HttpError(405, undefined, { fields: ALLOW });
}

function siteOf(root: string | URL | readonly (string | URL)[], options: FilesOptions): Site {
  const { dotFiles = "hide", symlinks = "inside", memory = MEMORY_BYTES, listingLimit = LISTING_LIMIT } = options;
  if (dotFiles !== "hide" && dotFiles !== "serve") throw new LocalError("USE_BAD_OPTION", `dotFiles is ${dotFiles}.`);
  if (!["inside", "follow", "deny"].includes(symlinks)) {
    throw new LocalError("USE_BAD_OPTION", `symlinks is ${symlinks}.`);
  }
  for (const [name, value] of Object.entries({ memory, listingLimit })) {
    if (!(value >= 0)) throw new LocalError("USE_BAD_OPTION", `${name} is a number from 0 on, not ${value}.`);
  }
  const roots = typeof root === "string" || root instanceof URL ? [root] : root;
  if (roots.length === 0) throw new LocalError("USE_BAD_OPTION", "There is no root.");
  return {
    roots: roots.map(folderOf),
    policy: policyOf(options),
    hidden: { dotFiles, symlinks },
    index: indexOf(options.index),
    listing: options.listing ?? false,
    listingLimit,
    redirect: options.redirect ?? true,
    kept: memory === 0 ? null : new SmallFiles(memory),
  };
}

/** The absolute path of a directory that is given. */
export function folderOf(root: string | URL): string {
  return resolve(root instanceof URL ? fileURLToPath(root) : root);
}

/** @throws LocalError USE_BAD_OPTION where one of the names is none. */
export function indexOf(option: string | readonly string[] | false = "index.html"): readonly string[] {
  const names = option === false ? [] : typeof option === "string" ? [option] : [...option];
  for (const name of names) {
    if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name)) {
      throw new LocalError("USE_BAD_OPTION", `index is the name of a file, not ${JSON.stringify(name)}.`);
    }
  }
  return names;
}

// What is kept is found by the path as it stands, before anything of it is decoded; only a malformed escape has to be seen first,
// because the canonical path has mended it.
function serve(site: Site, request: Request): Reply | Promise<Reply> {
  if (request.target.includes("%") && !isWellFormed(request.target)) throw new HttpError(404);
  const path = mountedPath(request);
  const { kept } = site;
  if (kept === null || !kept.has(path)) return read(site, request, path);
  if (isUnslashed(request, path)) return withSlash(site, request);
  return new Promise((resolvePromise, reject) => {
    kept.find(path, (file) => {
      try {
        resolvePromise(file === null ? read(site, request, path) : file.answer(request));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Whether each percent sign before the query begins an escape; the canonical path has mended those that do not. */
function isWellFormed(target: string): boolean {
  return !/^[^?]*%(?![0-9a-f]{2})/i.test(target);
}

/** Whether the mount itself was asked for, without a slash: what is relative on its page would lead elsewhere. */
function isUnslashed(request: Request, path: string): boolean {
  return path === "/" && !request.path.endsWith("/");
}

async function read(site: Site, request: Request, path: string): Promise<Reply> {
  const names = namesIn(path, site.hidden.dotFiles);
  if (names === null) throw new HttpError(404);
  for (const root of site.roots) {
    const found = await findBelow(root, names, site.hidden);
    const answer = found === null ? null : await answerFound(site, request, { root, names, path, found });
    if (answer !== null) return answer;
  }
  throw new HttpError(404);
}

interface Place {
  readonly root: string;
  readonly names: readonly string[];
  readonly path: string;
  readonly found: Found;
}

/** Null where another root may have it. */
async function answerFound(site: Site, request: Request, place: Place): Promise<Reply | null> {
  const { names, path, found } = place;
  const slash = names.at(-1) === "";
  if (found.stats.isDirectory()) {
    if (slash && !isUnslashed(request, path)) return directory(site, request, place);
    return site.redirect ? withSlash(site, request) : null;
  }
  if (slash || !found.stats.isFile()) return null;
  return file(site, request, place, site.roots[0] === place.root);
}

async function directory(site: Site, request: Request, place: Place): Promise<Reply | null> {
  const { root, names, path, found } = place;
  for (const name of site.index) {
    const inside = [...names.slice(0, -1), name];
    const index = await findBelow(root, inside, site.hidden);
    if (index?.stats.isFile() !== true) continue;
    const isFirst = site.roots[0] === root && site.index[0] === name;
    return file(site, request, { root, names: inside, path, found: index }, isFirst);
  }
  if (site.listing === false) return null;
  const { hidden, listingLimit } = site;
  return listing(
    { request, folder: found.path, names: names.slice(0, -1), root, hidden, limit: listingLimit },
    site.listing === true ? null : site.listing,
    plainCacheControl(site.policy),
  );
}

/** The canonical path has one slash at its start, so that this can lead to no other host. */
function withSlash(site: Site, request: Request): Reply {
  if (!site.redirect) throw new HttpError(404);
  const query = queryText(request);
  const location = `${request.path}/${query === undefined ? "" : `?${query}`}`;
  return withFields(redirect(location, 308), (fields) => fields.set("Cache-Control", plainCacheControl(site.policy)));
}

/** @param mayKeep whether nothing could come that would be served in its stead. */
async function file(site: Site, request: Request, place: Place, mayKeep: boolean): Promise<Reply> {
  const { root, names, path, found } = place;
  // By the name that was asked for: a link may lead to one that says nothing.
  const name = names.at(-1) as string;
  const served = await ServedFile.of(
    {
      path: found.path,
      state: found.stats,
      shown: `/${names.join("/")}`,
      beside: (ending) => findBelow(root, [...names.slice(0, -1), `${name}${ending}`], site.hidden),
    },
    site.policy,
  );
  if (mayKeep) site.kept?.keep(path, join(root, ...names), served);
  return served.answer(request);
}
