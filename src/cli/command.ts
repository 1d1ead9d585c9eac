// What a command is, and what it is given of the world. Commands are plain objects: what parses their options and prints
// their help is in program.ts alone.

/** The world as a command sees it; tests hand in another. */
export interface Io {
  /** Where answers to questions come from; without it nothing can be asked. */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signals: Signals;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** SIGINT and SIGTERM alike: a wish to end. */
export interface Signals {
  /** @returns what stops listening. */
  watch(asked: () => void): () => void;
}

/** One option as it stands in the table of a command. */
export interface Option {
  /** `--port <number>`, `--quiet`, `--no-listing`. */
  readonly flags: string;
  readonly summary: string;
}

/** What was typed: values by the name of the option, in camel case; undefined where it was left out. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The one argument: `[dir]`. */
  readonly argument?: { readonly name: string; readonly summary: string };
  readonly options: readonly Option[];
  /** Printed at the end of its help. */
  readonly notes?: string;
  /**
   * Runs until it is done.
   *
   * @returns the exit code. @throws Complaint, Misuse.
   */
  run(args: { readonly argument: string | undefined; readonly values: Values }, io: Io): Promise<number>;
}

/** What a command cannot do, in one line for the person at the terminal. Exit code 1. */
export class Complaint extends Error {
  override readonly name: string = "Complaint";
}

/** What was typed cannot be meant. Exit code 2. */
export class Misuse extends Complaint {
  override readonly name: string = "Misuse";
}
