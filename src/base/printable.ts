// Text that a peer wrote, made fit for a line: nothing of it can end the line, move a cursor or turn the direction of reading.

// C0, DEL and C1; the two line separators of Unicode; what changes the direction of the text around it.
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line of text: control characters become escapes, `\n` and `\x1b` and `\u2028`. */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, (character) => SHORT[character] ?? escapeOf(character));
}

/** The same for text that stands between quotation marks: those and backslashes are escaped too. */
export function quotable(text: string): string {
  return oneLine(text.replace(/["\\]/g, "\\$&"));
}

/** JSON as one line: JSON.stringify leaves the controls above U+007F as they are. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (character) => `\\u${hex(character, 4)}`);
}

function escapeOf(character: string): string {
  return character > "\u00ff" ? `\\u${hex(character, 4)}` : `\\x${hex(character, 2)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}

/** Text of a length that a line can bear. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}...`;
}
