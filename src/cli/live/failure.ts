// Why a module could not be loaded, on one screen: where, what, and the lines around it.
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Paint } from "../paint.ts";
import { LoadError, type Place } from "./source.ts";

const WIDTH = 160;
const AROUND = 2;

/** `app.js:3:9: SyntaxError: …`, and the lines around it. Ends with a line end. */
export async function failureReport(error: unknown, files: ReadonlySet<string>, paint: Paint): Promise<string> {
  const place = error instanceof LoadError ? error.place : placeOf(error, files);
  const message = firstLines(error);
  if (place === undefined) return `${message}\n`;
  const where = `${relative(process.cwd(), place.file) || place.file}:${place.line}`;
  const column = place.column > 0 ? `:${place.column}` : "";
  return `${paint("1;31", where + column)}: ${message}\n${await excerpt(place, paint)}`;
}

function firstLines(error: unknown): string {
  if (!(error instanceof Error)) return `It threw ${String(error)}`;
  const text = error instanceof LoadError ? error.message : `${error.name}: ${error.message}`;
  return text.split("\n").slice(0, 3).join("\n").slice(0, 1000);
}

/** The first line of the stack that is in one of our files. */
function placeOf(error: unknown, files: ReadonlySet<string>): Place | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const [, at = "", line = "", column = ""] of stack.matchAll(/((?:file:\/\/)?\/[^\s()]+?):(\d+):(\d+)\)?$/gm)) {
    const file = at.startsWith("file:") ? fileURLToPath(at.replace(/[?#].*$/, "")) : at;
    // What a module was put into stands on its first line: a column there means nothing.
    if (files.has(file)) return { file, line: Number(line), column: line === "1" ? 0 : Number(column) };
  }
  return undefined;
}

async function excerpt({ file, line, column }: Place, paint: Paint): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  const lines = text.split(/\r?\n/);
  if (line > lines.length || text === "") return "";
  const digits = String(line + AROUND).length;
  const shown: string[] = [];
  for (let at = Math.max(1, line - AROUND); at <= Math.min(lines.length, line + AROUND); at++) {
    const code = (lines[at - 1] as string).slice(0, WIDTH);
    shown.push(`${at === line ? paint("31", ">") : " "} ${String(at).padStart(digits)} | ${code}`);
    if (at === line && column <= WIDTH)
      shown.push(`  ${" ".repeat(digits)} | ${" ".repeat(column - 1)}${paint("31", "^")}`);
  }
  return `${shown.join("\n")}\n`;
}
