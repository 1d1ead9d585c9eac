// What a program writes, line by line, whatever pieces it comes in; and a line as a server-sent event. A line that never ends is
// cut, so that nothing grows.
import { StringDecoder } from "node:string_decoder";

/** Characters after which a line is cut. */
export const LINE_LENGTH = 65_536;

/** Pieces of UTF-8 into lines. CR, LF and CR LF end one: a progress bar is a line each time that it is drawn. */
export class Lines {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  /** A CR came last: the LF that may follow belongs to it. */
  #afterCr = false;

  /** The lines that a piece completes, without their ends. */
  push(piece: Uint8Array): string[] {
    // The decoder only asks where a character begins and ends; any view will do.
    return this.#split(this.#decoder.write(Buffer.from(piece.buffer, piece.byteOffset, piece.length)));
  }

  /** What is left when there is no more: a last line without an end. */
  end(): string[] {
    const lines = this.#split(this.#decoder.end());
    if (this.#rest !== "") lines.push(this.#rest);
    this.#rest = "";
    return lines;
  }

  #split(text: string): string[] {
    if (text === "") return [];
    const fresh = this.#afterCr && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterCr = text.endsWith("\r");
    // Only what is new is looked at: a long line that comes octet by octet costs no more than another.
    const lines = fresh.split(/\r\n|\n|\r/);
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() ?? "";
    while (this.#rest.length > LINE_LENGTH) {
      lines.push(this.#rest.slice(0, LINE_LENGTH));
      this.#rest = this.#rest.slice(LINE_LENGTH);
    }
    return lines;
  }
}

/** Lines as server-sent events of one name, in one text. */
export function asEvents(name: string, lines: readonly string[]): string {
  return lines.map((line) => `event: ${name}\ndata: ${line}\n\n`).join("");
}
