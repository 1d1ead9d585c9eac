// A directory as a handler: what a path names below the root, with its type, its validators and its octets, which the engine
// reads while it sends them. What is not there, not to be seen, or no file, is 404 alike: an answer says nothing about the disk.
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpError, LocalError } from "../base/errors.ts";
import { type ExtraTypes, mediaTypes, type TypeOf } from "../content/media.ts";
import { fileSlice } from "../message/body.ts";
import type { Handler } from "../message/handler.ts";
import { empty, type Reply, redirect, reply, text, withFields } from "../message/reply.ts";
import { queryText, type Request } from "../message/request.ts";
import { type DotFiles, type Found, findBelow, namesIn } from "./below.ts";
import { listing } from "./listing.ts";
import { isCurrent, validatorsOf } from "./validators.ts";

export interface FilesOptions {
  /** The file that stands for its directory; "index.html". */
  readonly index?: string;
  /** Whether a directory without an index is shown as a list; false, and it is 404. */
  readonly listing?: boolean;
  /** Whether names that begin with a dot are served; "hide", and they are 404. */
  readonly dotFiles?: DotFiles;
  /** Cache-Control of every answer; "no-cache": a client may keep it, and asks each time whether it is still current. */
  readonly cacheControl?: string;
  /** Media types by extension, beside those that are known: `{ tea: "text/x-tea" }`. */
  readonly types?: ExtraTypes;
}

interface Site {
  readonly root: string;
  readonly index: string;
  readonly listing: boolean;
  readonly dotFiles: DotFiles;
  readonly cacheControl: string;
  readonly typeOf: TypeOf;
}

const ALLOW = { Allow: "GET, HEAD, OPTIONS" };

/**
 * Serves the files below a directory, by the path of the request.
 *
 * A path names a file only if that exists and lies inside the root after every symbolic link is resolved. Directories are
 * answered by their index, and by a redirect where the slash at their end is missing.
 *
 * @param root a path, relative to the working directory of now, or a file: URL. It need not exist yet.
 * @throws LocalError USE_BAD_OPTION for a type that is none, or an index with a slash.
 *
 * @example
 * const server = createServer(files("public"));
 */
export function files(root: string | URL, options: FilesOptions = {}): Handler {
  const { index = "index.html", listing = false, dotFiles = "hide", cacheControl = "no-cache", types } = options;
  if (index === "" || /[/\\]/.test(index)) {
    throw new LocalError("USE_BAD_OPTION", `index is the name of a file, not ${JSON.stringify(index)}.`);
  }
  const folder = resolve(root instanceof URL ? fileURLToPath(root) : root);
  const site: Site = { root: folder, index, listing, dotFiles, cacheControl, typeOf: mediaTypes(types) };
  return (request) => {
    if (request.method === "GET" || request.method === "HEAD") return serve(site, request);
    if (request.method === "OPTIONS") return empty(204, ALLOW);
    return text("405 Method Not Allowed\n", 405, ALLOW);
  };
}

async function serve(site: Site, request: Request): Promise<Reply> {
  const { root, dotFiles } = site;
  const names = isWellFormed(request.target) ? namesIn(request.path, dotFiles) : null;
  const found = names === null ? null : await findBelow(root, names, dotFiles);
  if (names === null || found === null) throw new HttpError(404);
  const slash = names.at(-1) === "";
  if (found.stats.isDirectory()) return slash ? directory(site, request, found, names) : withSlash(site, request);
  if (slash || !found.stats.isFile()) throw new HttpError(404);
  return file(site, request, found, names.at(-1) as string);
}

/** Whether each percent sign before the query begins an escape; the canonical path has mended those that do not. */
function isWellFormed(target: string): boolean {
  return !/^[^?]*%(?![0-9a-f]{2})/i.test(target);
}

async function directory(site: Site, request: Request, found: Found, names: readonly string[]): Promise<Reply> {
  const { root, dotFiles } = site;
  const index = await findBelow(root, [...names, site.index], dotFiles);
  if (index?.stats.isFile() === true) return file(site, request, index, site.index);
  if (!site.listing) throw new HttpError(404);
  return listing({ path: request.path, folder: found.path, at: join(...names), root, dotFiles });
}

/** The canonical path has one slash at its start, so that this can lead to no other host. */
function withSlash(site: Site, request: Request): Reply {
  const query = queryText(request);
  const location = `${request.path}/${query === undefined ? "" : `?${query}`}`;
  return withFields(redirect(location, 308), (fields) => fields.set("Cache-Control", site.cacheControl));
}

/** @param name by which it was asked for: a link may lead to a name that says nothing. */
function file(site: Site, request: Request, { path, stats }: Found, name: string): Reply {
  const validators = validatorsOf(stats);
  const fields = {
    "Cache-Control": site.cacheControl,
    ETag: validators.etag,
    "Last-Modified": validators.lastModified,
  };
  if (isCurrent(request.headers, validators)) return reply(304, fields);
  return reply(
    200,
    { "Content-Type": site.typeOf(name), "X-Content-Type-Options": "nosniff", ...fields },
    fileSlice(path, 0, stats.size),
  );
}
