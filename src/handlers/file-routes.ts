// Files as routes of a mux: one route for each file that there is when they are added. What comes later has none; files() mounted
// at `/name/{path...}` sees that too.
import { stat } from "node:fs/promises";
import { basename, dirname, sep } from "node:path";
import { LocalError } from "../base/errors.ts";
import type { Mux } from "../route/mux.ts";
import { patternText } from "../route/spelling.ts";
import { type DotFiles, isAbsence, type Symlinks } from "./below.ts";
import { fileAt } from "./file.ts";
import { type FileOptions, policyOf } from "./file-options.ts";
import { folderOf } from "./files.ts";
import { SmallFiles } from "./small-files.ts";
import { walk } from "./walk.ts";

/** What addFiles() serves, under which paths, and how much of it is held. */
export interface FileRoutesOptions extends FileOptions {
  /**
   * The name of a directory in the path: URLs begin with it. Where left out, that of the directory which is added, and none for
   * a file that is.
   */
  readonly stemFrom?: string;
  /** As for files(). */
  readonly dotFiles?: DotFiles;
  readonly symlinks?: Symlinks;
  /** How many files there may be; 10 000. */
  readonly maxFiles?: number;
  /** Octets that may be held of all that are added, as for files(); 16 MiB. */
  readonly memory?: number;
}

const FILES = 10_000;
const MEMORY_BYTES = 16_777_216;

/**
 * Adds a route for a file, or for each file below a directory: `GET /name-of-the-directory/and/so/on`. Each serves what the file
 * is when it is asked for, and 404 once it has gone.
 *
 * @param path of a file or a directory, relative to the working directory of now, or a file: URL.
 * @returns the patterns that were added. Where nothing is there: none, and the process is warned.
 * @throws LocalError USE_BAD_OPTION where stemFrom is not in the path, or there are too many files; USE_PATTERN_CONFLICT, and
 *   then some have been added.
 *
 * @example
 * const routes = mux();
 * await addFiles(routes, "/srv/shop/public/images", { stemFrom: "public" }); // GET /public/images/logo.png, …
 */
export async function addFiles(
  routes: Mux,
  path: string | URL,
  options: FileRoutesOptions = {},
): Promise<readonly string[]> {
  const {
    stemFrom,
    dotFiles = "hide",
    symlinks = "inside",
    maxFiles = FILES,
    memory = MEMORY_BYTES,
    ...rest
  } = options;
  const policy = policyOf(rest);
  const kept = new SmallFiles(memory);
  const absolute = folderOf(path);
  const kind = await kindOf(absolute);
  if (kind === null) {
    process.emitWarning(`There is no file or directory at ${absolute}: no route was added.`, "PorticoWarning");
    return [];
  }
  const stem = stemOf(kind === "folder" ? absolute : dirname(absolute), stemFrom, kind);
  const patterns: string[] = [];
  const add = (names: readonly string[], at: string): void => {
    const pattern = `GET /${[...stem, ...names].map(encodeURIComponent).map(patternText).join("/")}`;
    routes.on(pattern, fileAt(at, policy, kept));
    patterns.push(pattern);
  };
  if (kind === "file") add([basename(absolute)], absolute);
  else {
    for await (const { names } of walk(absolute, { dotFiles, symlinks }, maxFiles)) {
      add(names, [absolute, ...names].join(sep));
    }
  }
  return patterns;
}

async function kindOf(absolute: string): Promise<"file" | "folder" | null> {
  try {
    const stats = await stat(absolute);
    return stats.isDirectory() ? "folder" : stats.isFile() ? "file" : null;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** The names that URLs begin with. */
function stemOf(folder: string, from: string | undefined, kind: "file" | "folder"): string[] {
  const names = folder.split(sep).filter((name) => name !== "");
  if (from === undefined) return kind === "folder" ? names.slice(-1) : [];
  const at = names.lastIndexOf(from);
  if (at < 0) throw new LocalError("USE_BAD_OPTION", `stemFrom, ${JSON.stringify(from)}, is not in ${folder}.`);
  return names.slice(at);
}
