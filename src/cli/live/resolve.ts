// Where an import leads: to a file of the project, which is loaded by us and can be replaced, or to what Node loads once.
// Packages are resolved as Node does it for import (its documentation, "Resolution and loading algorithm"): Node itself
// resolves on behalf of its own modules only.
import { realpath, stat } from "node:fs/promises";
import { createRequire, isBuiltin } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readTextFile } from "../../base/text-file.ts";

export interface Resolved {
  readonly url: string;
  readonly by: "us" | "node";
}

const OURS = new Set([".js", ".mjs", ".cjs", ".ts", ".mts", ".jsx", ".tsx", ".json"]);
const CONDITIONS = new Set(["node-addons", "node", "import", "module-sync", "default"]);
/** `./a.js` is what TypeScript has people write for `./a.ts`. */
const COMPILED_FROM: Readonly<Record<string, readonly string[]>> = {
  ".js": [".ts", ".tsx"],
  ".mjs": [".mts"],
  ".jsx": [".tsx"],
};

const require = createRequire(import.meta.url);

/**
 * @param parent the URL of the importing file.
 * @throws Error with what a person needs to know; for a file that is not there it has its path as `missing`.
 */
export async function resolve(specifier: string, parent: string): Promise<Resolved> {
  if (isBuiltin(specifier) || /^(?:data|https?):/.test(specifier)) return { url: specifier, by: "node" };
  // The Portico that runs, so that its replies and errors are known for what they are.
  if (/^portico(?:\/|$)/.test(specifier)) return { url: import.meta.resolve(specifier), by: "node" };
  if (/^(?:\.{0,2}\/|file:)/.test(specifier)) return owned(await existing(new URL(specifier, parent)));
  const file = specifier.startsWith("#")
    ? await internal(specifier, parent)
    : await packaged(specifier, dirname(fileURLToPath(parent)));
  if (file instanceof URL) return owned(file);
  if (file !== undefined) return resolve(file.specifier, file.parent);
  throw new Error(`Cannot find package '${specifier}' imported from ${fileURLToPath(parent)}`);
}

/** The nearest package.json around a directory. */
export async function packageAround(folder: string): Promise<{ folder: string; json: PackageJson } | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const json = await packageIn(at);
    if (json !== undefined) return { folder: at, json };
    if (dirname(at) === at) return undefined;
  }
}

export interface PackageJson {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly exports?: unknown;
  readonly imports?: unknown;
  readonly main?: unknown;
}

function owned(url: URL): Resolved {
  const path = url.pathname;
  return { url: url.href, by: OURS.has(extname(path)) && !path.includes("/node_modules/") ? "us" : "node" };
}

async function existing(url: URL): Promise<URL> {
  if (await isFile(url)) return url;
  const extension = extname(url.pathname);
  for (const source of COMPILED_FROM[extension] ?? []) {
    const other = new URL(url);
    other.pathname = other.pathname.slice(0, -extension.length) + source;
    if (await isFile(other)) return other;
  }
  const missing = fileURLToPath(url);
  throw Object.assign(new Error(`Cannot find module '${missing}'`), { missing });
}

async function isFile(url: URL): Promise<boolean> {
  try {
    return (await stat(url)).isFile();
  } catch {
    return false;
  }
}

async function packageIn(folder: string): Promise<PackageJson | undefined> {
  try {
    return JSON.parse(await readTextFile(join(folder, "package.json"))) as PackageJson;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${join(folder, "package.json")} is not JSON: ${error.message}`);
    return undefined;
  }
}

type Next = URL | { readonly specifier: string; readonly parent: string } | undefined;

async function internal(specifier: string, parent: string): Promise<Next> {
  const around = await packageAround(dirname(fileURLToPath(parent)));
  const target = around && mapped(around.json.imports, specifier);
  if (around === undefined || target === undefined) return undefined;
  const base = pathToFileURL(join(around.folder, "package.json")).href;
  return target.startsWith("./") ? existing(new URL(target, base)) : { specifier: target, parent: base };
}

async function packaged(specifier: string, from: string): Promise<Next> {
  const [, name = "", rest = ""] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(specifier) ?? [];
  const around = await packageAround(from);
  if (around?.json.name === name && around.json.exports !== undefined) return within(around.folder, around.json, rest);
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    const json = await packageIn(folder);
    if (json !== undefined) return within(await realpath(folder), json, rest);
    if (dirname(at) === at) return undefined;
  }
}

async function within(folder: string, json: PackageJson, rest: string): Promise<URL> {
  const base = pathToFileURL(join(folder, "package.json"));
  if (json.exports === undefined) {
    // Without exports every path is open, and Node completes them; so does require.
    return pathToFileURL(require.resolve(join(folder, rest)));
  }
  const target = mapped(json.exports, `.${rest}`);
  if (target !== undefined) return new URL(target, base);
  throw new Error(`Package '${String(json.name)}' does not export '.${rest}'`);
}

/** What `exports` or `imports` says of a key. */
function mapped(table: unknown, key: string): string | undefined {
  const sugar = typeof table === "string" || Array.isArray(table) || !hasPaths(table);
  const rows = (sugar ? { ".": table } : table) as Record<string, unknown>;
  if (Object.hasOwn(rows, key) && !key.includes("*")) return chosen(rows[key], "");
  const patterns = Object.keys(rows).filter((each) => each.includes("*"));
  // The longest text before the star wins.
  for (const pattern of patterns.sort((a, b) => b.indexOf("*") - a.indexOf("*") || b.length - a.length)) {
    const [before = "", after = ""] = pattern.split("*");
    if (key.startsWith(before) && key.endsWith(after) && key.length > before.length + after.length) {
      return chosen(rows[pattern], key.slice(before.length, key.length - after.length));
    }
  }
  return undefined;
}

function hasPaths(table: unknown): boolean {
  return typeof table === "object" && table !== null && Object.keys(table).some((key) => /^[.#]/.test(key));
}

function chosen(target: unknown, star: string): string | undefined {
  if (typeof target === "string") return target.replaceAll("*", star);
  if (Array.isArray(target)) {
    return target.map((each) => chosen(each, star)).find((each) => each !== undefined);
  }
  if (typeof target !== "object" || target === null) return undefined;
  for (const [condition, value] of Object.entries(target)) {
    const found = CONDITIONS.has(condition) ? chosen(value, star) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
