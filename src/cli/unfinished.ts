// Whether what was typed at a prompt goes on in the next line, as the REPL of Node judges it.
import { Script } from "node:vm";
import { Tokens } from "./live/tokens.ts";

/** Whether a bracket or a template is open. */
export function isOpen(text: string): boolean {
  const tokens = new Tokens(text);
  for (;;) {
    const token = tokens.next();
    if (token.kind === "template" && !/(?:`|\$\{)$/.test(token.text.slice(1))) return true;
    if (token.kind === "end") return token.depth > 0;
  }
}

/** Whether it is open, or has a beginning without an end: `while (true)`, `a +`. Nothing of it runs. */
export function isUnfinished(text: string): boolean {
  if (isOpen(text)) return true;
  if (!/\bawait\b/.test(text)) return endsTooSoon(text);
  // At the top it is a name to a script. In a function it is not, but our own bracket must be told from theirs.
  const begun = `async () => {${text}\n`;
  return syntaxError(`${begun}}`) !== undefined && endsTooSoon(begun);
}

function endsTooSoon(text: string): boolean {
  return syntaxError(text) === "Unexpected end of input";
}

function syntaxError(text: string): string | undefined {
  try {
    new Script(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
