// A file of the project as JavaScript. TypeScript loses its types: by Node where it can do that (22.18 and later), else by the
// esbuild that tsx brings along.
import * as nodeModule from "node:module";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Complaint } from "../command.ts";
import { packageAround } from "./resolve.ts";

export type Kind = "module" | "commonjs" | "either" | "json";

/** A position in a file, lines and columns from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What cannot be compiled or linked, and where. */
export class LoadError extends Error {
  override readonly name: string = "LoadError";
  readonly place: Place | undefined;

  constructor(message: string, place?: Place, options?: ErrorOptions) {
    super(message, options);
    this.place = place;
  }
}

export interface Script {
  readonly text: string;
  /** Finds a place of the file for one of the text, where lines have moved. */
  readonly original: ((line: number, column: number) => Place) | undefined;
}

/** How Node would take a file: by its ending, and the `type` of the package around it. */
export async function kindOf(file: string): Promise<Kind> {
  const extension = extname(file);
  if (extension === ".json") return "json";
  if (extension === ".cjs") return "commonjs";
  if (extension !== ".js") return "module";
  const type = (await packageAround(dirname(file)))?.json.type;
  return type === "module" ? "module" : type === "commonjs" ? "commonjs" : "either";
}

/** @throws LoadError for what is no TypeScript; Complaint where nothing here can read it. */
export async function toScript(file: string, text: string): Promise<Script> {
  const extension = extname(file);
  if (![".ts", ".mts", ".tsx", ".jsx"].includes(extension)) return { text, original: undefined };
  if ((extension === ".ts" || extension === ".mts") && stripsTypes()) {
    try {
      return { text: strip(text), original: undefined };
    } catch (error) {
      // Enums and the like: they are not stripped but translated.
      const translate = unsupported(error) ? await esbuild(file) : undefined;
      if (translate === undefined) throw stripFailure(error as Error, file);
      return translate(text);
    }
  }
  const translate = await esbuild(file);
  if (translate !== undefined) return translate(text);
  throw new Complaint(
    stripsTypes()
      ? `${extension} is translated by tsx, which is not installed: npm install --save-dev tsx`
      : `this Node (${process.versions.node}) does not run TypeScript: npm install --save-dev tsx, or use Node 22.18 or later`,
  );
}

/** Whether this Node takes types away without being asked: those before print a warning, and change their mind. */
function stripsTypes(): boolean {
  return (process.features as { readonly typescript?: unknown }).typescript === "strip";
}

function strip(text: string): string {
  const { stripTypeScriptTypes } = nodeModule as unknown as { stripTypeScriptTypes: (text: string) => string };
  // What Node does of itself with each .ts file it warns of here: once, and to somebody who can do nothing about it.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function unsupported(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX";
}

/** Its stack begins with `file:line`, the line, and marks below it. */
function stripFailure(error: Error, file: string): LoadError {
  const [, line = "1", marks = ""] = /^[^\n]*:(\d+)\n[^\n]*\n([^\n]*\^)?/.exec(error.stack ?? "") ?? [];
  const hint = unsupported(error) ? "; with tsx installed (npm install --save-dev tsx) it is" : "";
  const place = { file, line: Number(line), column: marks.indexOf("^") + 1 || 1 };
  return new LoadError(`SyntaxError: ${error.message.split("\n")[0]}${hint}`, place, { cause: error });
}

/** The part of esbuild that is used. */
interface Esbuild {
  transform(text: string, options: object): Promise<{ readonly code: string; readonly map: string }>;
}

interface EsbuildFailure {
  readonly errors: readonly {
    readonly text: string;
    readonly location: { readonly line: number; readonly column: number } | null;
  }[];
}

/** tsx of the project, or that beside us. */
async function esbuild(file: string): Promise<((text: string) => Promise<Script>) | undefined> {
  const found = findEsbuild(file) ?? findEsbuild(fileURLToPath(import.meta.url));
  if (found === undefined) return undefined;
  return async (text) => {
    try {
      const loader = extname(file).replace(/^\.m?/, "");
      const { code, map } = await found.transform(text, {
        loader,
        target: `node${process.versions.node}`,
        sourcefile: file,
        sourcemap: "external",
        jsx: "automatic",
      });
      return { text: code, original: placeIn(map, file) };
    } catch (error) {
      const [first] = (error as EsbuildFailure).errors ?? [];
      if (first === undefined) throw error;
      const { line, column } = first.location ?? { line: 1, column: 0 };
      throw new LoadError(`SyntaxError: ${first.text}`, { file, line, column: column + 1 }, { cause: error });
    }
  };
}

function findEsbuild(file: string): Esbuild | undefined {
  try {
    const tsx = nodeModule.createRequire(file).resolve("tsx/package.json");
    return nodeModule.createRequire(tsx)("esbuild") as Esbuild;
  } catch {
    return undefined;
  }
}

function placeIn(map: string, file: string): (line: number, column: number) => Place {
  let read: nodeModule.SourceMap | undefined;
  return (line, column) => {
    read ??= new nodeModule.SourceMap(JSON.parse(map));
    const entry = read.findEntry(line - 1, column - 1);
    return "originalLine" in entry
      ? { file, line: entry.originalLine + 1, column: entry.originalColumn + 1 }
      : { file, line, column };
  };
}
