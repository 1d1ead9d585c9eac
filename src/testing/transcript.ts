// Conversations as text, one file a subject: what a client sends and what it gets. The format, and nothing of how it is played.
//
//   # a comment
//   = the title of a case; everything up to the next one belongs to it
//   ! a setting, for whoever makes the server; "no tail" is ours, see play.ts
//   > GET / HTTP/1.1\r\nHost: a\r\n\r\n
//   < HTTP/1.1 200 OK\r\nDate: *\r\n\r\n
//   ~ 30000
//   < FIN
//
// Octets are written with the escapes \r \n \t \0 \\ \xHH; no line end is implied, and lines of one side that follow each other
// are one. `FIN` and `RST` stand alone in their line. `~` turns the clock by milliseconds. `Date: *` stands for a valid Date.
import { LocalError } from "../base/errors.ts";
import { unescaped } from "./escape.ts";

/** One step of a case, with the line where it stands. */
export type Step = { readonly line: number } & (
  | { readonly type: "send" | "expect"; readonly octets: string }
  | { readonly type: "send-end" | "expect-end"; readonly how: "fin" | "reset" }
  | { readonly type: "tick"; readonly milliseconds: number }
);

/** One conversation. */
export interface Transcript {
  readonly title: string;
  readonly file: string;
  /** Where its title stands. */
  readonly line: number;
  readonly settings: readonly string[];
  readonly steps: readonly Step[];
}

interface Draft extends Transcript {
  readonly settings: string[];
  readonly steps: Step[];
}

/**
 * The cases of a transcript file.
 *
 * @param file what errors name.
 * @throws LocalError USE_TRANSCRIPT with file and line.
 *
 * @example
 * const cases = parseTranscripts("= hello\n> GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n< HTTP/1.1 200 OK\\r\\n", "hello.txt");
 */
export function parseTranscripts(text: string, file: string): Transcript[] {
  const cases: Draft[] = [];
  for (const [index, row] of text.split("\n").entries()) {
    const line = index + 1;
    const content = row.slice(1).trim();
    if (row.trim() === "" || row.startsWith("#")) continue;
    if (row.startsWith("=")) {
      cases.push({ title: content, file, line, settings: [], steps: [] });
      continue;
    }
    const current = cases.at(-1);
    if (current === undefined) throw wrong(file, line, "A title (`= …`) comes before everything else.");
    if (row.startsWith("!")) current.settings.push(content);
    else addStep(current.steps, readStep(row, file, line));
  }
  const empty = cases.find(({ steps }) => steps.length === 0);
  if (empty !== undefined) throw wrong(file, empty.line, "The case has no steps.");
  return cases;
}

/** The error for a line of a transcript. */
export function wrong(file: string, line: number, what: string): LocalError {
  return new LocalError("USE_TRANSCRIPT", `(${file}:${line}) ${what}`);
}

function addStep(steps: Step[], step: Step): void {
  const last = steps.at(-1);
  if (last !== undefined && last.type === step.type && "octets" in last && "octets" in step) {
    steps[steps.length - 1] = { ...last, octets: last.octets + step.octets };
  } else steps.push(step);
}

function readStep(row: string, file: string, line: number): Step {
  const mark = row[0];
  const content = row.slice(row[1] === " " ? 2 : 1);
  if (mark === "~") {
    const milliseconds = Number(content);
    if (!(milliseconds > 0)) throw wrong(file, line, `"${content}" is no number of milliseconds.`);
    return { type: "tick", milliseconds, line };
  }
  if (mark !== ">" && mark !== "<") throw wrong(file, line, `A line begins with one of = ! # > < ~, not ${mark}.`);
  if (content === "FIN" || content === "RST") {
    return { type: mark === ">" ? "send-end" : "expect-end", how: content === "FIN" ? "fin" : "reset", line };
  }
  const octets = unescaped(content);
  if (octets === undefined) throw wrong(file, line, "An escape is none of \\r \\n \\t \\0 \\\\ \\xHH.");
  if (/[^\x00-\xff]/.test(octets)) throw wrong(file, line, "A character is no octet: write \\xHH.");
  return { type: mark === ">" ? "send" : "expect", octets, line };
}
