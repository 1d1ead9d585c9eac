// Why a module could not be loaded, or a request not be answered, on one screen: where, what, and the lines around it.
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { asError, HttpError } from "../../base/errors.ts";
import { readTextFile } from "../../base/text-file.ts";
import type { Paint } from "../paint.ts";
import { LoadError, type Place } from "./source.ts";

/** A place in the program, and the text of its file. */
export interface Found {
  readonly place: Place;
  readonly text: string;
}

/** The first place of a stack that is in the program of the user. */
export type Find = (stack: string) => Found | undefined;

const WIDTH = 160;
const AROUND = 2;
/** Causes of causes that are told of. */
const CAUSES = 5;

/** `app.js:3:9: SyntaxError: …`, and the lines around it. Ends with a line end. */
export async function failureReport(error: unknown, files: ReadonlySet<string>, paint: Paint): Promise<string> {
  const known = readable(error);
  const place = known instanceof LoadError ? known.place : placeOf(known, files);
  const message = known === error ? firstLines(known) : `It threw ${shortened(known.message)}`;
  if (place === undefined) return `${message}\n`;
  const text = await readTextFile(place.file).catch(() => "");
  return `${paint("1;31", placed(place))}: ${message}\n${excerpt({ place, text }, paint)}`;
}

/**
 * What was thrown while the program served: `app.js:3:9: TypeError: …`, the lines around it, and its causes. Ends with a line
 * end.
 */
export function thrownReport(error: unknown, find: Find, paint: Paint): string {
  const chain = causesOf(readable(error));
  const found = chain.map((each) => find(stackOf(each))).find((each) => each !== undefined);
  const where = found === undefined ? "" : `${paint("1;31", placed(found.place))}: `;
  const [what = "", ...causes] = chain.map(described);
  const lines = found === undefined ? "" : excerpt(found, paint);
  return `${where}${what}\n${lines}${causes.map((cause) => `Cause: ${cause}\n`).join("")}`;
}

/** What was thrown, as an error that can be looked at: a proxy may refuse, and any property may be a getter that throws. */
export function readable(thrown: unknown): Error {
  const error = asError(thrown);
  try {
    for (const { name, message, stack } of causesOf(error)) [name, message, stack].map(String);
    return error;
  } catch {
    return new Error("a value that cannot be shown");
  }
}

/** The error, and what it was caused by. */
function causesOf(error: Error): readonly Error[] {
  const chain = [error];
  for (let { cause } = chain[0] as Error; cause instanceof Error && chain.length <= CAUSES; { cause } = cause) {
    chain.push(cause);
  }
  return chain;
}

function described(error: Error): string {
  // A refusal often has no words of its own, and some errors of Node only a code.
  const { code } = error as { readonly code?: unknown };
  const name = error instanceof HttpError ? `${error.status} ${error.code}` : error.name === "Error" ? "" : error.name;
  const said = error.message || (error instanceof HttpError ? "" : String(code ?? ""));
  return shortened([name, said].filter((each) => each !== "").join(": ") || error.name);
}

function firstLines(error: Error): string {
  return shortened(error instanceof LoadError ? error.message : `${error.name}: ${error.message}`);
}

/** A message may quote what a peer has sent: nothing of it moves a cursor. */
function shortened(text: string): string {
  const lines = text.split("\n").slice(0, 3).join("\n").slice(0, 1000);
  return lines.replace(/[^\P{Cc}\n\t]/gu, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function placed({ file, line, column }: Place): string {
  return `${relative(process.cwd(), file) || file}:${line}${column > 0 ? `:${column}` : ""}`;
}

/** The first line of the stack that is in one of our files. */
function placeOf(error: Error, files: ReadonlySet<string>): Place | undefined {
  for (const place of framesOf(stackOf(error))) {
    if (!files.has(place.file)) continue;
    // What a module was put into stands on its first line: a column there means nothing.
    return place.line === 1 ? { ...place, column: 0 } : place;
  }
  return undefined;
}

/** The files of the project that an error comes from: those of its stack, and of CommonJS modules that a module is missing for. */
export function filesBehind(error: unknown): Set<string> {
  const files = new Set([...framesOf(stackOf(error))].map(({ file }) => file));
  const { code, requireStack, message } = (error ?? {}) as Readonly<Record<string, unknown>>;
  if (code !== "MODULE_NOT_FOUND" || !Array.isArray(requireStack)) return files;
  for (const file of requireStack) files.add(String(file));
  const [, wanted] = /'(\.{1,2}\/[^']*)'/.exec(String(message)) ?? [];
  if (wanted === undefined) return files;
  const missing = join(dirname(String(requireStack[0])), wanted);
  return new Set([...files, ...["", ".js", ".json"].map((ending) => missing + ending)]);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? String(error.stack) : "";
}

/** The places that a stack names, the innermost first. */
export function* framesOf(stack: string): Generator<Place, void> {
  // CommonJS that is no JavaScript is named above the message.
  const [, bad, badLine] = /^(\/[^\n]*|[a-zA-Z]:\\[^\n]*):(\d+)\n/.exec(stack) ?? [];
  if (bad !== undefined) yield { file: bad, line: Number(badLine), column: 0 };
  for (const [, at = "", line, column] of stack.matchAll(/^\s+at (?:.*? \()?(?:async )?(.+?):(\d+):(\d+)\)?$/gm)) {
    if (at.startsWith("node:")) continue;
    const file = at.startsWith("file:") ? fileURLToPath(at.replace(/[?#].*$/, "")) : at;
    yield { file, line: Number(line), column: Number(column) };
  }
}

function excerpt({ place: { line, column }, text }: Found, paint: Paint): string {
  const lines = text.split(/\r?\n/);
  if (line > lines.length || text === "") return "";
  const digits = String(line + AROUND).length;
  const shown: string[] = [];
  for (let at = Math.max(1, line - AROUND); at <= Math.min(lines.length, line + AROUND); at++) {
    const code = (lines[at - 1] as string).slice(0, WIDTH);
    shown.push(`${at === line ? paint("31", ">") : " "} ${String(at).padStart(digits)} | ${code}`);
    if (at === line && column > 0 && column <= WIDTH)
      shown.push(`  ${" ".repeat(digits)} | ${" ".repeat(column - 1)}${paint("31", "^")}`);
  }
  return `${shown.join("\n")}\n`;
}
