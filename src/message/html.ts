// HTML from a tagged template: what is put in is escaped, so a page cannot be written into by who is quoted on it.
import { LocalError } from "../base/errors.ts";
import type { FieldsInit } from "./fields.ts";
import { page, type Reply } from "./reply.ts";

/** Markup that is safe to put into a page as it stands. */
export class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }

  /** In JSON it is its text. */
  toJSON(): string {
    return this.#text;
  }

  /** As a reply of type text/html. */
  reply(status = 200, headers?: FieldsInit): Reply<string> {
    return page(this.#text, status, headers);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for a page or for a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string);
}

function render(value: unknown): string {
  if (value instanceof Markup) return value.toString();
  if (Array.isArray(value)) return value.map(render).join("");
  if (value === null || value === undefined || value === false) return "";
  const text = String(value);
  if (typeof value === "object" && text.startsWith("[object ")) {
    const instead = value instanceof Promise ? "await it first" : "it has no text of its own";
    throw new LocalError("USE_BAD_BODY", `A template was given ${text}: ${instead}.`);
  }
  return escapeHtml(text);
}

/**
 * Markup from a template. Values are escaped; Markup and lists of it stand as they are; null, undefined and false are nothing.
 *
 * @throws LocalError USE_BAD_BODY for an object that has no text: a promise, a Map, a plain object.
 *
 * @example
 * const name = "<script>";
 * html`<p>Hello, ${name}</p>`.reply(); // <p>Hello, &lt;script&gt;</p>
 */
export function html(strings: TemplateStringsArray, ...values: readonly unknown[]): Markup {
  let text = strings[0] as string;
  for (let i = 0; i < values.length; i++) text += render(values[i]) + strings[i + 1];
  return new Markup(text);
}

/** Markup that its author vouches for: nothing is escaped. */
export function raw(markup: string): Markup {
  return new Markup(markup);
}
