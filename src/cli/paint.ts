// Colour where a person reads along, and nowhere else (https://no-color.org).
import type { Io, Output } from "./command.ts";

/** Puts text in a colour; `code` is that of SGR: "32". */
export type Paint = (code: string, text: string) => string;

/** Colours on a terminal that does not say NO_COLOR. */
export function paintFor(output: Output, env: Io["env"]): Paint {
  const coloured = output.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return coloured ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (_code, text) => text;
}
