// From the path of a request to a file below a root, and to nothing else on the disk. A path is taken segment by segment,
// each decoded by itself, so that nothing encoded can become a separator; then the system resolves every symbolic link, and
// what it names must exist and lie inside the resolved root, by whole components. Knows nothing of replies.
import { constants, type Stats } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";

/** A file or a directory below the root. */
export interface Found {
  /** With every symbolic link resolved. */
  readonly path: string;
  readonly stats: Stats;
}

/**
 * Which symbolic links are followed: "inside", those that lead to something below the root; "follow", all, wherever they lead;
 * "deny", none.
 */
export type Symlinks = "inside" | "follow" | "deny";

/** What is not there for a client. */
export interface Hidden {
  readonly dotFiles: DotFiles;
  readonly symlinks: Symlinks;
}

/** Which names that begin with a dot exist for a client; `.well-known` at the root always does. */
export type DotFiles = "hide" | "serve";

/** RFC 8615: what is there is made to be asked for, by who issues certificates for one. */
const WELL_KNOWN = ".well-known";

/** Whether what lies at these names below a root exists for a client. */
export function isShown(names: readonly string[], dotFiles: DotFiles): boolean {
  return dotFiles === "serve" || names.every((name, i) => !name.startsWith(".") || (i === 0 && name === WELL_KNOWN));
}

/**
 * The names in a canonical path, decoded; null where one of them can name no file below a root. A slash at the end leaves
 * an empty name last.
 */
export function namesIn(path: string, dotFiles: DotFiles): string[] | null {
  if (!path.startsWith("/")) return null;
  const names: string[] = [];
  for (const segment of path.slice(1).split("/")) {
    const name = decoded(segment);
    if (name === null || !isName(name)) return null;
    names.push(name);
  }
  return isShown(names, dotFiles) ? names : null;
}

/** Whether a request can name what lies at these names: a name with a backslash, or one that is not UTF-8, cannot be asked for. */
export function canBeAsked(names: readonly string[], dotFiles: DotFiles): boolean {
  const name = names.at(-1) ?? "";
  return !name.includes("\ufffd") && isName(name) && isShown(names, dotFiles);
}

// Malformed escapes, and octets that are not UTF-8, name nothing.
function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** Whether a name stays one component on every system, and means the same on every one: no "C:", no stream of NTFS. */
function isName(name: string): boolean {
  if (name === "." || name === ".." || /[/\\\0]/.test(name)) return false;
  return sep === "/" || !/[:*?"<>|]|[. ]$/.test(name);
}

/**
 * What lies at these names below the root.
 *
 * @param root absolute; resolved each time, so that it may be a link that is set to another release.
 * @returns null where nothing is there that may be served: missing, outside the root, hidden behind a link, or not readable.
 */
export async function findBelow(
  root: string,
  names: readonly string[],
  { dotFiles, symlinks }: Hidden,
): Promise<Found | null> {
  try {
    const [base, path] = await Promise.all([realpath(root), realpath(join(root, ...names))]);
    const inner = componentsBelow(base, path);
    if (inner === null ? symlinks !== "follow" : !isShown(inner, dotFiles)) return null;
    if (symlinks === "deny" && path !== resolve(base, ...names)) return null;
    return await lookAt(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** What a path that has been resolved leads to; null where nothing is there that can be read. */
export async function lookAt(path: string): Promise<Found | null> {
  try {
    const [stats] = await Promise.all([stat(path), access(path, constants.R_OK)]);
    return { path, stats };
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** The components of `path` below `base`, both resolved; null where it lies elsewhere. `/srv/www-old` is not in `/srv/www`. */
export function componentsBelow(base: string, path: string): string[] | null {
  if (path === base) return [];
  const folder = base.endsWith(sep) ? base : base + sep;
  return path.startsWith(folder) ? path.slice(folder.length).split(sep) : null;
}

const ABSENCES = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "EINVAL"]);

/** Whether an error of the file system means that there is nothing for a client; others (EMFILE, EIO) are failures. */
export function isAbsence(error: unknown): boolean {
  return error instanceof Error && ABSENCES.has((error as NodeJS.ErrnoException).code ?? "");
}
