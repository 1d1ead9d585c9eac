// The check that all of files() rests on, for handlers that do something else with a file than to send it: a path of a request
// becomes a path on the disk, or nothing.
import { realpath } from "node:fs/promises";
import { HttpError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { type Answer, makerFor } from "../message/answer.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { canonicalPath } from "../message/target.ts";
import { decodeRest, mountedPath } from "../route/params.ts";
import { type DotFiles, findBelow, namesIn, type Symlinks } from "./below.ts";
import { folderOf } from "./files.ts";

/** What is found below a root. */
export interface UnderRootOptions {
  /** Whether names that begin with a dot are found; "hide". */
  readonly dotFiles?: DotFiles;
  /** Which symbolic links are followed; "inside". */
  readonly symlinks?: Symlinks;
}

/**
 * What a path of a request names below a root: the absolute path of a file or directory, with every symbolic link resolved.
 *
 * @param root a path, or a file: URL.
 * @param path encoded, as `request.path` is; made canonical, so that `..` never rises above the root.
 * @returns null where nothing is there: missing, outside the root, hidden.
 *
 * @example
 * const path = await underRoot("uploads", request.path);
 */
export function underRoot(root: string | URL, path: string, options: UnderRootOptions = {}): Promise<string | null> {
  return handled(find(root, path, options));
}

async function find(
  root: string | URL,
  path: string,
  { dotFiles = "hide", symlinks = "inside" }: UnderRootOptions,
): Promise<string | null> {
  // A malformed escape is mended in the canonical path, and would name something else than it says.
  if (/%(?![0-9a-f]{2})/i.test(path) || !path.startsWith("/")) return null;
  const names = namesIn(canonicalPath("GET", path.replaceAll("?", "%3F")), dotFiles);
  const found = names === null ? null : await findBelow(folderOf(root), names, { dotFiles, symlinks });
  if (found === null) return null;
  return names?.at(-1) === "" && !found.stats.isDirectory() ? null : found.path;
}

/** Which part of a request is the path below the root, and what answers where it names nothing. */
export interface WithTargetOptions extends UnderRootOptions {
  /**
   * Which parameter of the route is the path, e.g. "1", the first group of a regular expression. Where left out, the part of the
   * path that is left where the handler is mounted, else all of it.
   */
  readonly param?: string;
  /** Answers where there is nothing; 404. */
  readonly notFound?: Handler;
}

/**
 * A handler that is given what the path of the request names below a root, and is asked only where that is something.
 *
 * @param answer gets the absolute path of it, and that of the root, both with every symbolic link resolved: what is below the root is
 *   the rest of the one behind the other.
 *
 * @example
 * const size = withTarget("public", async (_request, target) => ({ size: (await stat(target)).size }));
 */
export function withTarget(
  root: string | URL,
  answer: (request: Request, target: string, root: string) => Answer | Promise<Answer>,
  options: WithTargetOptions = {},
): Handler {
  const folder = folderOf(root);
  const { param, notFound = nothing } = options;
  const handle = async (request: Request): Promise<Reply> => {
    // The canonical path has mended what the target has wrong.
    const malformed = /^[^?]*%(?![0-9a-f]{2})/i.test(request.target);
    const path = param === undefined ? mountedPath(request) : encodedParam(request, param);
    const target = malformed ? null : await find(folder, path, options);
    if (target === null) return notFound(request);
    return makerFor(request)(await answer(request, target, await realpath(folder)));
  };
  return (request) => handled(handle(request));
}

/**
 * A parameter is decoded: what is a slash in it is one, and what was an escape of an escape stays that. That of `{name...}` is the
 * mounted path, and is not decoded to the end.
 */
function encodedParam(request: Request, name: string): string {
  const value = request.params[name] ?? "\0";
  const mounted = mountedPath(request);
  if (decodeRest(mounted.slice(1)) === value) return mounted;
  return `/${value.split("/").map(encodeURIComponent).join("/")}`;
}

const nothing: Handler = () => {
  throw new HttpError(404);
};
