// Vary (RFC 9110 §12.5.5): which fields of a request a reply depends on. Several parts of a program may each have made a difference,
// so that names are only ever added.
import type { Fields } from "./fields.ts";

/** Adds names to Vary, which keeps those that it has. */
export function addVary(fields: Fields, names: readonly string[]): void {
  const present = fields.list("vary");
  const known = present.map((name) => name.toLowerCase());
  if (known.includes("*")) return;
  const missing = names.filter((name) => !known.includes(name.toLowerCase()));
  if (missing.length > 0) fields.set("Vary", [...present, ...missing].join(", "));
}
