// Questions to a person, or to a file of answers: the next line of standard input, at a prompt.
import type { Io } from "./command.ts";

export interface Lines {
  /** The next line; null at the end of the input, or where the person has had enough. */
  ask(prompt: string): Promise<string | null>;
  close(): void;
}

export type Completer = (line: string) => [readonly string[], string] | Promise<[readonly string[], string]>;

/** Reads lines; on a terminal with editing, history, and completion. */
export async function linesOf(io: Io, complete?: Completer): Promise<Lines> {
  const { createInterface } = await import("node:readline");
  const terminal = io.stdin?.isTTY === true && io.stdout.isTTY === true;
  const reader = createInterface({
    input: io.stdin as NodeJS.ReadableStream,
    ...(terminal && { output: io.stdout as unknown as NodeJS.WritableStream }),
    terminal,
    ...(complete !== undefined && {
      completer: (line: string, done: (error: Error | null, result: [string[], string]) => void): void => {
        Promise.resolve(complete(line)).then(
          ([found, part]) => done(null, [[...found], part]),
          () => done(null, [[], line]),
        );
      },
    }),
  });
  reader.on("SIGINT", () => reader.close());
  const lines = reader[Symbol.asyncIterator]();
  return {
    ask: async (prompt) => {
      if (terminal) {
        reader.setPrompt(prompt);
        reader.prompt();
      } else {
        io.stdout.write(prompt);
      }
      const { value, done } = await lines.next();
      if (done === true) {
        if (terminal) io.stdout.write("\n");
        return null;
      }
      return value as string;
    },
    close: () => reader.close(),
  };
}
