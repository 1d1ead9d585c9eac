// The routes of one host, as a tree of segments. Each node tries literals, then typed variables, then plain ones, then the
// rest, and takes the next where one leads nowhere: the most specific route wins, and a dead end is none. A path of literals
// alone is found by one Map lookup before the tree is walked, however many routes there are. Knows nothing of requests.
import { decodeComponent } from "../message/target.ts";
import { Leaf, type Route } from "./leaf.ts";
import type { PatternSegment } from "./pattern.ts";
import { compareTypes, type SegmentTypes } from "./segment-type.ts";

/** What one look-up has captured: raw segments, in the order of the path. Reused from one look-up to the next. */
export interface Captures {
  readonly values: string[];
  /** Where the rest begins in the path; -1 where the route has none. */
  rest: number;
}

export interface TreeOptions {
  readonly caseSensitive: boolean;
  /** "ignore": a slash at the end of a path counts for nothing. */
  readonly slash: "strict" | "ignore";
  readonly types: SegmentTypes;
}

interface Variable {
  readonly type: string;
  readonly node: Node;
}

class Node {
  readonly literals = new Map<string, Node>();
  /** The more specific type first. */
  readonly variables: Variable[] = [];
  leaf: Leaf | null = null;
  rest: Leaf | null = null;

  get isEmpty(): boolean {
    return this.literals.size === 0 && this.variables.length === 0 && this.leaf === null && this.rest === null;
  }
}

/** Whether a leaf is what is looked for; a route that it gives ends the walk. */
type Take = (leaf: Leaf) => Route | undefined;

export class Tree {
  readonly #root = new Node();
  readonly #statics = new Map<string, Leaf>();
  readonly #options: TreeOptions;
  /** Nodes looked at by the last walk; 0 where the Map had the path. Tests prove by it that the number of routes plays no part. */
  steps = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#root.isEmpty;
  }

  /** The most specific route for a method and a canonical path. */
  find(method: string, path: string, captures: Captures): Route | undefined {
    const { caseSensitive, slash } = this.#options;
    const end = slash === "ignore" && path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
    const bare = end === path.length ? path : path.slice(0, end);
    const leaf = this.#statics.get(caseSensitive ? bare : bare.toLowerCase());
    this.steps = 0;
    captures.rest = -1;
    const route = leaf?.find(method);
    if (route !== undefined || path === "") return route;
    return this.#walk(this.#root, path, 1, end, 0, (found) => found.find(method), captures, "typed");
  }

  /** Calls `see` for each leaf that matches the path, the most specific first, until it gives a route. */
  visit(path: string, see: Take, typing: "typed" | "untyped", captures: Captures): Route | undefined {
    const end =
      this.#options.slash === "ignore" && path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
    return path === "" ? undefined : this.#walk(this.#root, path, 1, end, 0, see, captures, typing);
  }

  // biome-ignore format: one call, one line of state
  #walk(node: Node, path: string, start: number, end: number, depth: number, take: Take, captures: Captures, typing: "typed" | "untyped"): Route | undefined {
    this.steps++;
    if (start > end) return this.#end(node, path, start, depth, take, captures);
    const slash = path.indexOf("/", start);
    const stop = slash < 0 || slash > end ? end : slash;
    const segment = path.slice(start, stop);
    const literal = node.literals.get(this.#options.caseSensitive ? segment : segment.toLowerCase());
    if (literal !== undefined) {
      const found = this.#walk(literal, path, stop + 1, end, depth, take, captures, typing);
      if (found !== undefined) return found;
    }
    if (segment !== "") {
      for (const { type, node: next } of node.variables) {
        if (typing === "typed" && type !== "string" && !this.#isOf(type, segment)) continue;
        captures.values[depth] = segment;
        const found = this.#walk(next, path, stop + 1, end, depth + 1, take, captures, typing);
        if (found !== undefined) return found;
      }
    }
    return node.rest === null ? undefined : this.#rest(node.rest, path, start, depth, take, captures);
  }

  #end(node: Node, path: string, start: number, depth: number, take: Take, captures: Captures): Route | undefined {
    const found = node.leaf === null ? undefined : take(node.leaf);
    if (found !== undefined || node.rest === null || this.#options.slash === "strict") return found;
    return this.#rest(node.rest, path, start, depth, take, captures);
  }

  #rest(leaf: Leaf, path: string, start: number, depth: number, take: Take, captures: Captures): Route | undefined {
    const found = take(leaf);
    if (found === undefined) return undefined;
    captures.values[depth] = path.slice(start);
    captures.rest = start;
    return found;
  }

  #isOf(type: string, segment: string): boolean {
    return this.#options.types.get(type)?.(decodeComponent(segment)) ?? false;
  }

  /** The leaf for the path of a pattern, made where there is none. */
  leafFor(segments: readonly PatternSegment[]): Leaf {
    let node = this.#root;
    for (const segment of segments) {
      if (segment.kind === "rest") return (node.rest ??= new Leaf());
      node = segment.kind === "literal" ? literalNode(node, segment.text) : variableNode(node, segment.type);
    }
    node.leaf ??= new Leaf();
    if (segments.every(({ kind }) => kind === "literal")) this.#statics.set(keyOf(segments), node.leaf);
    return node.leaf;
  }

  /** Takes the branch of a pattern away as far as nothing is on it any more. */
  prune(segments: readonly PatternSegment[]): void {
    this.#prune(this.#root, segments, 0);
    const key = keyOf(segments);
    if (this.#statics.get(key)?.size === 0) this.#statics.delete(key);
  }

  #prune(node: Node, segments: readonly PatternSegment[], at: number): void {
    const segment = segments[at];
    if (segment === undefined) {
      if (node.leaf?.size === 0) node.leaf = null;
    } else if (segment.kind === "rest") {
      if (node.rest?.size === 0) node.rest = null;
    } else if (segment.kind === "literal") {
      const next = node.literals.get(segment.text);
      if (next === undefined) return;
      this.#prune(next, segments, at + 1);
      if (next.isEmpty) node.literals.delete(segment.text);
    } else {
      const index = node.variables.findIndex(({ type }) => type === segment.type);
      const next = node.variables[index]?.node;
      if (next === undefined) return;
      this.#prune(next, segments, at + 1);
      if (next.isEmpty) node.variables.splice(index, 1);
    }
  }

  /** The routes that may match a path that this pattern matches: all with which it can be in conflict, and few others. */
  near(segments: readonly PatternSegment[]): Route[] {
    const found: Route[] = [];
    collect(this.#root, segments, 0, found);
    return found;
  }
}

function keyOf(segments: readonly PatternSegment[]): string {
  return `/${segments.map((segment) => (segment.kind === "literal" ? segment.text : "{}")).join("/")}`;
}

function literalNode(node: Node, text: string): Node {
  let next = node.literals.get(text);
  if (next === undefined) node.literals.set(text, (next = new Node()));
  return next;
}

function variableNode(node: Node, type: string): Node {
  const known = node.variables.find((variable) => variable.type === type);
  if (known !== undefined) return known.node;
  const next = new Node();
  const behind = node.variables.findIndex((variable) => compareTypes(type, variable.type) === "moreSpecific");
  node.variables.splice(behind < 0 ? node.variables.length : behind, 0, { type, node: next });
  return next;
}

function collect(node: Node, segments: readonly PatternSegment[], at: number, found: Route[]): void {
  if (node.rest !== null) found.push(...node.rest.routes);
  const segment = segments[at];
  if (segment === undefined) {
    if (node.leaf !== null) found.push(...node.leaf.routes);
    return;
  }
  // A rest may match whatever lies below; compare() says which of it is in conflict.
  if (segment.kind === "rest") return collectAll(node, found);
  for (const { node: next } of node.variables) collect(next, segments, at + 1, found);
  if (segment.kind === "variable") for (const next of node.literals.values()) collect(next, segments, at + 1, found);
  else if (node.literals.has(segment.text)) collect(node.literals.get(segment.text) as Node, segments, at + 1, found);
}

function collectAll(node: Node, found: Route[]): void {
  if (node.leaf !== null) found.push(...node.leaf.routes);
  for (const next of [...node.literals.values(), ...node.variables.map((variable) => variable.node)]) {
    if (next.rest !== null) found.push(...next.rest.routes);
    collectAll(next, found);
  }
}
