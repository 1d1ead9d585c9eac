// What tells a browser to trust a page with less. The defaults suit a page that loads what it needs from its own server; what a
// handler says itself is kept.
import { LocalError } from "../base/errors.ts";
import { Fields } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import { clientOf } from "./client.ts";
import { decorated } from "./outcome.ts";

/** Each is the value of its field; false: it is not sent. */
export interface SecurityHeadersOptions {
  readonly contentSecurityPolicy?: string | false;
  /** X-Content-Type-Options. */
  readonly contentTypeOptions?: string | false;
  /** X-Frame-Options: for browsers that do not know frame-ancestors. */
  readonly frameOptions?: string | false;
  readonly referrerPolicy?: string | false;
  readonly crossOriginOpenerPolicy?: string | false;
  readonly crossOriginResourcePolicy?: string | false;
  readonly permissionsPolicy?: string | false;
  /** Sent over TLS alone, that of a trusted proxy too; elsewhere it means nothing (RFC 6797 §7.2). */
  readonly strictTransportSecurity?: string | false;
}

/** By option: the name of the field, and its value where left out. */
const FIELDS: Readonly<Record<keyof SecurityHeadersOptions, readonly [name: string, value: string | false]>> = {
  contentSecurityPolicy: [
    "Content-Security-Policy",
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
  contentTypeOptions: ["X-Content-Type-Options", "nosniff"],
  frameOptions: ["X-Frame-Options", "DENY"],
  referrerPolicy: ["Referrer-Policy", "no-referrer"],
  crossOriginOpenerPolicy: ["Cross-Origin-Opener-Policy", "same-origin"],
  crossOriginResourcePolicy: ["Cross-Origin-Resource-Policy", "same-origin"],
  permissionsPolicy: ["Permissions-Policy", false],
  // Half a year, and this host alone: what is said here cannot be taken back from a browser.
  strictTransportSecurity: ["Strict-Transport-Security", "max-age=15552000"],
};

type Line = readonly [name: string, value: string];

/**
 * Adds the fields that keep a page from being framed, sniffed, and made to load or run what it should not.
 *
 * @throws LocalError USE_BAD_OPTION for an option that does not exist; USE_BAD_FIELD for a value that cannot be sent.
 *
 * @example
 * const handler = stack(answer, securityHeaders({ contentSecurityPolicy: "default-src 'self' https://cdn.example" }));
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): Middleware {
  const secure = linesOf(options);
  const plain = secure.filter(([name]) => name !== "Strict-Transport-Security");
  const addSecure = adder(secure);
  const addPlain = adder(plain);
  return (next) => (request) => decorated(next, request, clientOf(request).secure ? addSecure : addPlain);
}

function linesOf(options: SecurityHeadersOptions): Line[] {
  for (const option of Object.keys(options)) {
    if (!Object.hasOwn(FIELDS, option)) throw new LocalError("USE_BAD_OPTION", `There is no option ${option}.`);
  }
  const lines: Line[] = [];
  for (const [option, [name, value]] of Object.entries(FIELDS)) {
    const given = options[option as keyof SecurityHeadersOptions] ?? value;
    if (given !== false) lines.push([name, given]);
  }
  return [...new Fields(lines)];
}

function adder(lines: readonly Line[]): (fields: Fields) => void {
  return (fields) => {
    for (const [name, value] of lines) if (!fields.has(name)) fields.add(name, value);
  };
}
