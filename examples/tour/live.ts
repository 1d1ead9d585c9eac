// A handler that is replaced while requests come: the next one gets the new handler, and nothing is interrupted.
import { type Handler, json } from "portico";
import { t, typed } from "portico/handlers";

let versions = 0;

/** A handler that says one thing, and which version of itself it is. */
export function greeting(words: string): Handler {
  const version = ++versions;
  return () => json({ words, version }, 200, { "Cache-Control": "no-store" });
}

interface Routes {
  replace(pattern: "GET /greeting", handler: Handler): unknown;
}

export function redefine(routes: Routes): Handler {
  return typed({ words: t.string.min(1).max(60) }, ({ words }) => {
    routes.replace("GET /greeting", greeting(words));
    return { version: versions };
  });
}
