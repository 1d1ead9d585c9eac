// A single file: as a handler of its own, or sent from within another handler.
import { realpath, stat } from "node:fs/promises";
import { basename } from "node:path";
import { HttpError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { type Found, isAbsence } from "./below.ts";
import { type FileOptions, type Policy, policyOf } from "./file-options.ts";
import { folderOf, otherMethod } from "./files.ts";
import { ServedFile } from "./served-file.ts";
import { SmallFiles } from "./small-files.ts";

/**
 * Serves one file, whatever the path of the request is: 404 where it is not there, what it is now where it has changed.
 *
 * @param path of the file, relative to the working directory of now, or a file: URL. It is the program's: links are followed, and
 *   a name may begin with a dot.
 * @throws LocalError USE_BAD_OPTION, USE_BAD_FIELD, USE_UNSUPPORTED.
 *
 * @example
 * const routes = mux().on("GET /favicon.ico", file("assets/favicon.ico", { cacheControl: "max-age=86400" }));
 */
export function file(path: string | URL, options: FileOptions = {}): Handler {
  return fileAt(folderOf(path), policyOf(options), new SmallFiles(Number.POSITIVE_INFINITY)); // of one file, and a small one
}

/** As file(): with a memory that is shared with others. @param absolute the path. */
export function fileAt(absolute: string, policy: Policy, kept: SmallFiles): Handler {
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return otherMethod(request);
    if (!kept.has(absolute)) return handled(read(request, absolute, policy, kept));
    const later = new Promise<Reply>((resolve, reject) => {
      kept.find(absolute, (served) => {
        try {
          resolve(served === null ? read(request, absolute, policy, kept) : served.answer(request));
        } catch (error) {
          reject(error);
        }
      });
    });
    return handled(later);
  };
}

const policies = new WeakMap<FileOptions, Policy>();
const USUAL: FileOptions = {};

/**
 * Answers a request with a file, from within another handler: with conditions, ranges and all else that files() answers. To a
 * method other than GET and HEAD it gives the whole file.
 *
 * @param path of the file, relative to the working directory, or a file: URL. It is the program's own: what a client may choose
 *   goes through underRoot() first.
 * @param options an object that is kept (not made anew for each request) is checked once.
 * @throws HttpError 404 where it is not there or no file; 412, 416. LocalError as file().
 *
 * @example
 * const report: Handler = (request) => sendFile(request, `reports/${idOf(request)}.pdf`);
 */
export function sendFile(request: Request, path: string | URL, options: FileOptions = USUAL): Promise<Reply> {
  return handled(sent(request, path, options));
}

async function sent(request: Request, path: string | URL, options: FileOptions): Promise<Reply> {
  let policy = policies.get(options);
  if (policy === undefined) {
    policy = policyOf(options);
    policies.set(options, policy);
  }
  return read(request, folderOf(path), policy, null);
}

async function read(request: Request, absolute: string, policy: Policy, kept: SmallFiles | null): Promise<Reply> {
  const found = await find(absolute);
  if (found?.stats.isFile() !== true) throw new HttpError(404);
  const served = await ServedFile.of(
    {
      path: found.path,
      state: found.stats,
      shown: `/${basename(absolute)}`,
      beside: (ending) => find(`${absolute}${ending}`),
    },
    policy,
  );
  kept?.keep(absolute, absolute, served);
  return served.answer(request);
}

async function find(absolute: string): Promise<Found | null> {
  try {
    const path = await realpath(absolute);
    return { path, stats: await stat(path) };
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
