// Where a path ends in the tree: the routes of one path, by method. A request of HEAD is answered by GET where nothing else
// does (RFC 9110 §9.3.2); a route without a method answers what no other route does.
import type { Handler } from "../message/handler.ts";
import type { Pattern } from "./pattern.ts";

/** A handler under a pattern. */
export interface Route {
  readonly pattern: Pattern;
  readonly handler: Handler;
  /** Whether the last of the pattern's names is that of a rest. */
  readonly rest: "rest" | "none";
}

export class Leaf {
  readonly #routes = new Map<string, Route>();

  get size(): number {
    return this.#routes.size;
  }

  get routes(): Iterable<Route> {
    return this.#routes.values();
  }

  /** The route for a method. */
  find(method: string): Route | undefined {
    const own = this.#routes.get(method);
    if (own !== undefined) return own;
    return (method === "HEAD" ? this.#routes.get("GET") : undefined) ?? this.#routes.get("");
  }

  /** The route of exactly this method; "" for every one. */
  get(method: string): Route | undefined {
    return this.#routes.get(method);
  }

  set(route: Route): void {
    this.#routes.set(route.pattern.method, route);
  }

  delete(method: string): void {
    this.#routes.delete(method);
  }
}
