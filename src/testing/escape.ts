// Octets as text that can be read, written and compared: what a transcript is made of, and what a failure shows.

const NAMED: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "0": "\0", "\\": "\\" };
const NAMES: Readonly<Record<string, string>> = { "\r": "\\r", "\n": "\\n", "\t": "\\t", "\0": "\\0", "\\": "\\\\" };

/**
 * Latin-1 text with everything that is not visible ASCII written as `\r \n \t \0 \\` or `\xHH`.
 *
 * @example
 * escaped("GET / HTTP/1.1\r\n"); // "GET / HTTP/1.1\\r\\n"
 */
export function escaped(text: string): string {
  return text.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (character) => NAMES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/**
 * The text behind escaped(); undefined where an escape is none of those.
 *
 * @example
 * unescaped("a\\r\\n"); // "a\r\n"
 */
export function unescaped(text: string): string | undefined {
  let valid = true;
  const plain = text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]?))/g, (_, hex?: string, name?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    const named = NAMED[name ?? ""];
    if (named === undefined) valid = false;
    return named ?? "";
  });
  return valid ? plain : undefined;
}

/**
 * What was expected over what was received, line by line as on the wire, with a mark at the first octet that differs.
 *
 * @example
 * console.log(difference("200 OK\r\n", client.received));
 */
export function difference(expected: string, received: string): string {
  let at = 0;
  while (at < expected.length && expected[at] === received[at]) at++;
  const column = escaped(expected.slice(expected.lastIndexOf("\n", at - 1) + 1, at)).length;
  const lines = (text: string): string[] => text.split(/(?<=\n)/).map(escaped);
  const ours = lines(expected);
  const row = expected.slice(0, at).split("\n").length - 1;
  const shown = ours.map((line, index) => (index === row ? `  ${line}\n  ${" ".repeat(column)}^` : `  ${line}`));
  const theirs = lines(received).map((line) => `  ${line}`);
  return `expected:\n${shown.join("\n")}\nreceived:\n${theirs.join("\n")}`;
}
