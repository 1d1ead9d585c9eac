// The repository as a value: path → text. The checks are pure functions of it, so their tests hand in a tree of three
// files, and only this file touches the disk. What git ignores is not part of it.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Files by path, relative to the root of the repository and with "/" between folders. */
export type Tree = Readonly<Record<string, string>>;

/** One thing that a check refuses, where it is, and what to do instead. */
export interface Problem {
  readonly path: string;
  /** From 1; left out where the whole file is meant. */
  readonly line?: number;
  /** The rule that is broken. A sentence without its full stop. */
  readonly rule: string;
  /** What to do instead. A sentence without its full stop. */
  readonly instead: string;
}

/** The root of the repository, seen from dist/tools. */
export const root: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Reads every file that is tracked or would be; a file with a NUL is not text and is left out. */
export function readTree(folder: string = root): Tree {
  const tree: Record<string, string> = {};
  for (const path of pathsOf(folder).sort()) {
    const full = join(folder, path);
    if (!existsSync(full) || !statSync(full).isFile()) continue;
    const text = readFileSync(full, "utf8");
    if (!text.includes("\0")) tree[path] = text;
  }
  return tree;
}

/** The paths of all files that are tracked or would be. */
export function pathsOf(folder: string = root): string[] {
  if (!existsSync(join(folder, ".git"))) return walk(folder, "");
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  return execFileSync("git", args, { cwd: folder, encoding: "utf8", maxBuffer: 64 << 20 })
    .split("\0")
    .filter(Boolean);
}

const IGNORED = new Set(["node_modules", "dist", ".git", ".bench"]);

/** For a tree without git: a release unpacked from a tarball. */
function walk(folder: string, relative: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
    if (IGNORED.has(entry.name)) continue;
    const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
    if (entry.isDirectory()) found.push(...walk(folder, path));
    else if (!entry.name.endsWith(".tgz")) found.push(path);
  }
  return found;
}

/** The line that an offset lies in, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** `src/base/clock.ts:3  rule. Instead.` */
export function formatProblem({ path, line, rule, instead }: Problem): string {
  return `${line === undefined ? path : `${path}:${line}`}  ${rule}. ${instead}.`;
}

/** Whether a module is the one that was started; `import.meta.main` is not in Node 20. */
export function isMain(url: string): boolean {
  return process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === url;
}

/** Prints the problems of one check and sets the exit code: what each check does when it is started alone. */
export function report(problems: readonly Problem[]): void {
  for (const problem of problems) console.error(formatProblem(problem));
  if (problems.length > 0) process.exitCode = 1;
}
