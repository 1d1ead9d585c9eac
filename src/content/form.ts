// application/x-www-form-urlencoded as named values: the same decoder for queries and for bodies. What cannot be decoded is kept
// as it stands, or refused with the name of the parameter, as it is told; `raw` of each value is what was sent.
import { HttpError, type ParameterIssue } from "../base/errors.ts";
import { tooLarge } from "../message/reading.ts";
import { decodeComponent, decodeStrictly } from "../message/target.ts";
import { type Param, Params, type Source, shown } from "./params.ts";

/** How an urlencoded form is read. */
export interface FormOptions {
  /** Most pairs; 1,000. Beyond it 413. */
  readonly pairs?: number;
  /**
   * What becomes of a bad percent sequence, or of one that is not UTF-8: "keep", as it stands (octets that are not UTF-8 become
   * U+FFFD), as the URL standard has it; or "refuse", by 400.
   */
  readonly malformed?: "keep" | "refuse";
  /** What the values say of where they came from; "form". */
  readonly source?: Source;
}

const PAIRS = 1000;
/** So many wrong parameters are named in one refusal. */
const ISSUES = 10;

/**
 * Reads the text of a form or a query (WHATWG URL §5.1): pairs between ampersands, plus is a space, percent sequences are UTF-8.
 * A name without an equals sign has the value "" (and null as its `raw`); what follows the first equals sign is value.
 *
 * @param text without a question mark.
 * @throws HttpError 400 HTTP_BAD_PARAMETER with an issue for each parameter that cannot be decoded, where it is to refuse them;
 *   413 HTTP_BODY_TOO_LARGE for more pairs than `pairs`.
 *
 * @example
 * parseForm("p=10&a+c=20").get("a c"); // "20"
 */
export function parseForm(text: string, options: FormOptions = {}): Params {
  const { pairs = PAIRS, malformed = "keep", source = "form" } = options;
  const decode = malformed === "keep" ? decodeLax : decodeStrict;
  const entries: Param[] = [];
  const issues: ParameterIssue[] = [];
  for (let start = 0; start < text.length && issues.length < ISSUES; ) {
    const ampersand = text.indexOf("&", start);
    const end = ampersand < 0 ? text.length : ampersand;
    if (end > start) {
      if (entries.length + issues.length >= pairs) throw tooLarge("The form has too many pairs.");
      const pair = readPair(text.slice(start, end), decode, source);
      if ("parameter" in pair) issues.push(pair);
      else entries.push(pair);
    }
    start = end + 1;
  }
  if (issues.length > 0) throw new HttpError(400, sentence(issues), { code: "HTTP_BAD_PARAMETER", issues });
  return new Params(entries);
}

type Decode = (text: string) => string | undefined;

/** One pair, or why it is none. */
function readPair(text: string, decode: Decode, source: Source): Param | ParameterIssue {
  const equals = text.indexOf("=");
  const rawName = equals < 0 ? text : text.slice(0, equals);
  const raw = equals < 0 ? null : text.slice(equals + 1);
  const name = decode(rawName);
  if (name === undefined) return { parameter: shown(decodeLax(rawName)), reason: "has a malformed name" };
  const value = raw === null ? "" : decode(raw);
  if (value === undefined) return { parameter: shown(name), reason: whyNot(raw as string) };
  return { name, value, raw, source };
}

const BAD_PERCENT = /%(?![0-9a-fA-F]{2})/;

function decodeLax(text: string): string {
  return decodeComponent(text, "space");
}

function decodeStrict(text: string): string | undefined {
  return decodeStrictly(text, "space");
}

function whyNot(raw: string): string {
  return BAD_PERCENT.test(raw) ? "has a malformed percent sequence" : "is not valid UTF-8";
}

function sentence(issues: readonly ParameterIssue[]): string {
  return issues.map(({ parameter, reason }) => `The parameter ${JSON.stringify(parameter)} ${reason}.`).join(" ");
}
