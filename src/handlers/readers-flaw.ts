// What is wrong with a value: made by readers, gathered, and told to the peer as one refusal. It is returned rather than thrown:
// a reader that refuses is no exception, and a list can hold more than one.
import { HttpError, type ParameterIssue } from "../base/errors.ts";

/** One thing that is wrong, and where: the keys from the parameter down. */
export interface Flaw {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

// A body of a megabyte can be wrong in a hundred thousand places; whoever sent it mends the first few and asks again.
export const MOST_FLAWS = 32;
// Of a schema that is not ours: some quote what was sent.
const REASON_LENGTH = 200;
const KEY_LENGTH = 60;

/** That a value is not what was asked for. Never sent or kept: immutable, and shared where the reason is always the same. */
export class Wrong {
  readonly flaws: readonly Flaw[];

  constructor(reason: string | readonly Flaw[]) {
    this.flaws = typeof reason === "string" ? [{ path: [], reason }] : reason.slice(0, MOST_FLAWS);
  }

  /** The same, one key further down. */
  under(key: string | number): Flaw[] {
    return this.flaws.map(({ path, reason }) => ({ path: [key, ...path], reason }));
  }
}

export const MISSING: Wrong = new Wrong("it is missing");
export const REPEATED: Wrong = new Wrong("it is given more than once");

/** Whether there is room for more of them. */
export function isFull(flaws: readonly Flaw[]): boolean {
  return flaws.length >= MOST_FLAWS;
}

/** The refusal of a request whose values are wrong: 400 HTTP_BAD_PARAMETER, its message has a part for each. */
export function refusalOf(flaws: readonly Flaw[]): HttpError {
  const issues = flaws.map(issueOf);
  const message = issues.map(({ parameter, reason }) => `${parameter}: ${reason}`).join("; ");
  return new HttpError(400, message, { code: "HTTP_BAD_PARAMETER", issues });
}

function issueOf({ path, reason }: Flaw): ParameterIssue {
  const parameter = path.map((key) => printable(String(key), KEY_LENGTH)).join(".");
  return { parameter, reason: printable(reason, REASON_LENGTH) };
}

/** On one line and not too long, whatever a peer managed to have quoted. */
function printable(text: string, most: number): string {
  const line = text.replace(/[\p{Cc}\p{Surrogate}\u2028\u2029]+/gu, " ");
  return line.length <= most ? line : `${line.slice(0, most).replace(/\p{Surrogate}$/u, "")}…`;
}
