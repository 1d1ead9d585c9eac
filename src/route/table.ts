// All routes of a mux: a tree for each host, the most specific host first. Adds and takes away in place, and refuses a route
// that is in conflict before anything has changed.
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { decodeComponent } from "../message/target.ts";
import { commonPath, compare } from "./compare.ts";
import type { Route } from "./leaf.ts";
import { type Pattern, type PatternSegment, parsePattern } from "./pattern.ts";
import { patternText } from "./spelling.ts";
import { type Captures, type Match, Tree, type TreeOptions } from "./tree.ts";

export class Table {
  readonly options: TreeOptions;
  readonly #everywhere: Tree;
  /** By host; `*.` ones by what follows the asterisk. */
  readonly #hosts = new Map<string, Tree>();
  readonly #wildHosts = new Map<string, Tree>();
  readonly #methods = new Map<string, number>();
  readonly #routes = new Map<string, Route>();

  constructor(options: TreeOptions) {
    this.options = options;
    this.#everywhere = new Tree(options);
  }

  /** Whether a route has a condition on the host: where none has, nobody needs to know it. */
  get hasHosts(): boolean {
    return this.#hosts.size > 0 || this.#wildHosts.size > 0;
  }

  get patterns(): Pattern[] {
    return [...this.#routes.values()].map(({ pattern }) => pattern);
  }

  knows(method: string): boolean {
    return this.#methods.has(method);
  }

  /** Nodes that the last look-up without a host looked at. */
  get steps(): number {
    return this.#everywhere.steps;
  }

  /** The most specific route. @param host in small letters, without a port; "" where no route has one. */
  find(method: string, host: string, path: string, captures: Captures): Route | undefined {
    if (host !== "") {
      for (const tree of this.#treesOf(host)) {
        const found = tree.find(method, path, captures);
        if (found !== undefined) return found;
      }
    }
    return this.#everywhere.find(method, path, captures);
  }

  /** Every method that a path has a route for; "" among them is every one. */
  allowed(host: string, path: string): Set<string> {
    const methods = new Set<string>();
    for (const { leaf } of this.#matches(host, path, "typed")) {
      for (const { pattern } of leaf.routes) methods.add(pattern.method);
    }
    return methods;
  }

  /** The parameters, and the types that each could have been, where a route matches but for the types of segments. */
  mistyped(host: string, path: string): Map<string, Set<string>> {
    const wrong = new Map<string, Set<string>>();
    for (const { leaf, values } of this.#matches(host, path, "untyped")) {
      for (const { pattern } of leaf.routes) {
        const variables = pattern.segments.filter((segment) => segment.kind === "variable");
        for (const [index, { name, type }] of variables.entries()) {
          if (this.#isOf(type, values[index] as string)) continue;
          wrong.set(name, (wrong.get(name) ?? new Set()).add(type));
        }
      }
    }
    return wrong;
  }

  #isOf(type: string, segment: string): boolean {
    return this.options.types.get(type)?.(decodeComponent(segment)) ?? true;
  }

  #matches(host: string, path: string, typing: "typed" | "untyped"): Match[] {
    return [...this.#treesOf(host), this.#everywhere].flatMap((tree) => tree.matches(path, typing));
  }

  #treesOf(host: string): Tree[] {
    const found = this.#hosts.get(host);
    const trees = found === undefined ? [] : [found];
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      const tree = dot === 0 ? undefined : this.#wildHosts.get(host.slice(dot));
      if (tree !== undefined) trees.push(tree);
    }
    return trees;
  }

  /** @throws LocalError USE_BAD_PATTERN, USE_PATTERN_CONFLICT. */
  add(text: string, handler: Handler): void {
    const pattern = this.#parse(text);
    const tree = this.#treeFor(pattern.host) ?? new Tree(this.options);
    for (const { pattern: other } of tree.near(pattern.segments)) {
      const relation = compare(pattern, other, this.options.types);
      if (relation === "equal" || relation === "overlap") throw conflict(pattern, other);
    }
    if (this.#treeFor(pattern.host) === undefined) this.#keep(pattern.host, tree);
    this.#put(tree, { pattern, handler, rest: pattern.segments.at(-1)?.kind === "rest" ? "rest" : "none" });
  }

  /** Puts another handler where a pattern is; adds it where it is not. @returns the route before. @throws as add(). */
  replace(text: string, handler: Handler): Route | undefined {
    const known = this.#routes.get(keyOf(this.#parse(text)));
    if (known !== undefined) this.remove(text);
    this.add(text, handler);
    return known;
  }

  /** @returns whether there was one. @throws LocalError USE_BAD_PATTERN. */
  remove(text: string): boolean {
    const route = this.#routes.get(keyOf(this.#parse(text)));
    if (route === undefined) return false;
    const { host, method, segments } = route.pattern;
    const tree = this.#treeFor(host) as Tree;
    tree.leafFor(segments).delete(method);
    tree.prune(segments);
    this.#routes.delete(keyOf(route.pattern));
    if (tree.isEmpty) (host.startsWith("*.") ? this.#wildHosts : this.#hosts).delete(hostKey(host));
    this.#count(method, -1);
    return true;
  }

  #put(tree: Tree, route: Route): void {
    tree.leafFor(route.pattern.segments).set(route);
    this.#routes.set(keyOf(route.pattern), route);
    this.#count(route.pattern.method, 1);
  }

  #count(method: string, change: 1 | -1): void {
    const count = (this.#methods.get(method) ?? 0) + change;
    if (count === 0) this.#methods.delete(method);
    else if (method !== "") this.#methods.set(method, count);
  }

  #parse(text: string): Pattern {
    const pattern = parsePattern(text, this.options);
    const { segments } = pattern;
    if (this.options.slash === "strict" || segments.length === 1 || !isSlash(segments.at(-1))) return pattern;
    return { ...pattern, segments: segments.slice(0, -1) };
  }

  #treeFor(host: string): Tree | undefined {
    if (host === "") return this.#everywhere;
    return (host.startsWith("*.") ? this.#wildHosts : this.#hosts).get(hostKey(host));
  }

  #keep(host: string, tree: Tree): void {
    (host.startsWith("*.") ? this.#wildHosts : this.#hosts).set(hostKey(host), tree);
  }
}

function isSlash(segment: PatternSegment | undefined): boolean {
  return segment?.kind === "literal" && segment.text === "";
}

function hostKey(host: string): string {
  return host.startsWith("*.") ? host.slice(1) : host;
}

// The names of variables are no part of what a pattern matches: "/{a}" takes the place of "/{b}".
function keyOf({ method, host, segments }: Pattern): string {
  const path = segments.map((segment) => {
    if (segment.kind === "literal") return patternText(segment.text);
    return segment.kind === "rest" ? "{...}" : `{:${segment.type}}`;
  });
  return `${method} ${host}/${path.join("/")}`;
}

function conflict(pattern: Pattern, other: Pattern): LocalError {
  const path = commonPath(pattern.segments, other.segments);
  return new LocalError(
    "USE_PATTERN_CONFLICT",
    `${JSON.stringify(pattern.text)} and ${JSON.stringify(other.text)} both match ${pattern.host}${path}.`,
  );
}
