// The kinds of single values: text, numbers, booleans, dates, words, files. Each is strict: what is not wholly of the type is
// refused rather than mended, in a text ("0x10", " 1") and in JSON, where the text "1" is no number.
import type { UploadedFile } from "../content/uploads.ts";
import type { Form, Kind } from "./readers.ts";
import { parseInstant } from "./readers-date.ts";
import { Wrong } from "./readers-flaw.ts";

/** How many of what. */
export function counted(count: unknown, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

// ── text ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

const NOT_TEXT = new Wrong("it is not text");

export const TEXT: Kind = {
  convert: (raw) => (typeof raw === "string" ? raw : NOT_TEXT),
  schema: () => ({ type: "string" }),
  takesEmpty: true,
  bounds: {
    measure: (value: string) => value.length,
    below: (limit) => `it has less than ${counted(limit, "character")}`,
    above: (limit) => `it has more than ${counted(limit, "character")}`,
    keywords: ["minLength", "maxLength"],
  },
};

// ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const INTEGER = /^-?[0-9]+$/;
const NUMBER = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const NOT_INTEGER = new Wrong("it is not an integer");
const NOT_NUMBER = new Wrong("it is not a number");
const TOO_LARGE = new Wrong("it is too large");

const NUMBERS = {
  measure: (value: number) => value,
  below: (limit: unknown) => `it is less than ${limit}`,
  above: (limit: unknown) => `it is more than ${limit}`,
  keywords: ["minimum", "maximum"],
} as const;

/** The number in a text, or a number of JSON; adding 0 makes a 0 of -0. */
function numeric(raw: unknown, form: Form, grammar: RegExp): number | undefined {
  if (typeof raw === "string") return form === "text" && grammar.test(raw) ? Number(raw) + 0 : undefined;
  return typeof raw === "number" && !Number.isNaN(raw) ? raw + 0 : undefined;
}

function safeInteger(value: number | undefined): number | Wrong {
  if (value === undefined) return NOT_INTEGER;
  if (Number.isSafeInteger(value)) return value;
  return Number.isInteger(value) || !Number.isFinite(value) ? TOO_LARGE : NOT_INTEGER;
}

/** The number that a text begins with, whatever stands behind it: "12abc" is 12, as in House. */
const LEADING_INTEGERS: Kind = {
  convert(raw, form) {
    if (typeof raw !== "string" || form !== "text") return safeInteger(numeric(raw, form, INTEGER));
    const leading = /^[ \t]*([+-]?[0-9]+)/.exec(raw)?.[1];
    return safeInteger(leading === undefined ? undefined : Number(leading) + 0);
  },
  schema: () => ({ type: "integer" }),
  bounds: NUMBERS,
};

export const INTEGERS: Kind = {
  convert: (raw, form) => safeInteger(numeric(raw, form, INTEGER)),
  schema: () => ({ type: "integer" }),
  bounds: NUMBERS,
  variants: { leading: () => LEADING_INTEGERS },
};

export const DECIMALS: Kind = {
  convert(raw, form) {
    const value = numeric(raw, form, NUMBER);
    if (value === undefined) return NOT_NUMBER;
    return Number.isFinite(value) ? value : TOO_LARGE;
  },
  schema: () => ({ type: "number" }),
  bounds: NUMBERS,
};

// ── booleans, dates, words ────────────────────────────────────────────────────────────────────────────────────────────

const NOT_BOOLEAN = new Wrong("it is neither true nor false");

export const BOOLEANS: Kind = {
  convert(raw, form) {
    if (typeof raw === "boolean") return raw;
    if (form === "text" && (raw === "true" || raw === "false")) return raw === "true";
    return NOT_BOOLEAN;
  },
  schema: () => ({ type: "boolean" }),
};

const NOT_DATE = new Wrong("it is not a date, or a date and time with its zone");

export const DATES: Kind = {
  convert(raw) {
    if (raw instanceof Date) return Number.isNaN(raw.getTime()) ? NOT_DATE : raw;
    return (typeof raw === "string" ? parseInstant(raw) : undefined) ?? NOT_DATE;
  },
  schema: () => ({ type: "string", anyOf: [{ format: "date-time" }, { format: "date" }] }),
  bounds: {
    measure: (value: Date) => value.getTime(),
    below: (limit) => `it is before ${(limit as Date).toISOString()}`,
    above: (limit) => `it is after ${(limit as Date).toISOString()}`,
  },
};

const NOT_KEYWORD = new Wrong("it is not a keyword");

/** Any word, in capitals. */
export const KEYWORDS: Kind = {
  convert: (raw) => (typeof raw === "string" && raw !== "" ? raw.toUpperCase() : NOT_KEYWORD),
  schema: () => ({ type: "string", minLength: 1 }),
  bounds: TEXT.bounds as NonNullable<Kind["bounds"]>,
};

/** One of some words; `letters` says whether capitals count. */
export function words(all: readonly string[], letters: "as listed" | "any case"): Kind {
  const key = letters === "any case" ? (word: string) => word.toLowerCase() : (word: string) => word;
  const listed = new Map(all.map((word) => [key(word), word]));
  const wrong = new Wrong(`it is not one of ${all.join(", ")}`);
  return {
    convert: (raw) => (typeof raw === "string" ? listed.get(key(raw)) : undefined) ?? wrong,
    schema: () => ({ enum: all }),
    ...(listed.has("") ? { takesEmpty: true as const } : {}),
    variants: { anyCase: () => words(all, "any case") },
  };
}

// ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const NOT_FILE = new Wrong("it is not a file");

// Only the parser of forms makes one: no text and no JSON can.
export const FILES: Kind = {
  files: true,
  convert: (raw, form) =>
    form === "text" && typeof raw === "object" && raw !== null && "filename" in raw ? raw : NOT_FILE,
  schema: () => ({ type: "string", format: "binary" }),
  bounds: {
    measure: (file: UploadedFile) => file.size,
    below: (limit) => `it has less than ${counted(limit, "octet")}`,
    above: (limit) => `it has more than ${counted(limit, "octet")}`,
  },
};
