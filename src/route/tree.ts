// The routes of one host, as a tree of segments. Each node tries literals, then typed variables, then plain ones, then the
// rest, and takes the next where one leads nowhere: the most specific route wins, and a dead end is none. A path of literals
// alone is found by one Map lookup before the tree is walked, however many routes there are. Knows nothing of requests.
import { decodeComponent } from "../message/target.ts";
import { Leaf, type Route } from "./leaf.ts";
import type { PatternSegment } from "./pattern.ts";
import { compareTypes, type SegmentTest, type SegmentTypes } from "./segment-type.ts";
import { comparable } from "./spelling.ts";

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
  /** Undefined where every text is of the type. */
  readonly test: SegmentTest | undefined;
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

/** A leaf that a path leads to, with the raw segments on the way to it that variables took. */
export interface Match {
  readonly leaf: Leaf;
  readonly values: readonly string[];
}

export class Tree {
  readonly #root = new Node();
  readonly #statics = new Map<string, Leaf>();
  readonly #types: SegmentTypes;
  readonly #caseSensitive: boolean;
  readonly #slash: "strict" | "ignore";
  // What one look-up is about, and the same at each of its steps.
  #method = "";
  #path = "";
  #end = 0;
  /** "plain": there is no escape in the path, and so in none of its segments. */
  #spelling: "plain" | "escaped" = "escaped";
  #captures: Captures = { values: [], rest: -1 };
  /** Nodes looked at by the last walk; 0 where the Map had the path. Tests prove by it that the number of routes plays no part. */
  steps = 0;

  constructor({ caseSensitive, slash, types }: TreeOptions) {
    this.#caseSensitive = caseSensitive;
    this.#slash = slash;
    this.#types = types;
  }

  get isEmpty(): boolean {
    return this.#root.isEmpty;
  }

  /** The most specific route for a method and a canonical path. */
  find(method: string, path: string, captures: Captures): Route | undefined {
    const end = this.#endOf(path);
    const bare = end === path.length ? path : path.slice(0, end);
    this.steps = 0;
    captures.rest = -1;
    this.#spelling = path.includes("%") ? "escaped" : "plain";
    const route = this.#statics.get(this.#keyOf(bare))?.find(method);
    if (route !== undefined || path === "") return route;
    this.#method = method;
    this.#path = path;
    this.#end = end;
    this.#captures = captures;
    return this.#walk(this.#root, 1, 0);
  }

  /** A path or a segment as literals have it. */
  #keyOf(text: string): string {
    if (this.#spelling === "plain" && this.#caseSensitive) return text;
    const key = comparable(text);
    return this.#caseSensitive ? key : key.toLowerCase();
  }

  #endOf(path: string): number {
    return this.#slash === "ignore" && path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
  }

  /** @param start of the segment in the path. @param depth how many segments are captured. */
  #walk(node: Node, start: number, depth: number): Route | undefined {
    this.steps++;
    const end = this.#end;
    if (start > end) return this.#atEnd(node, start, depth);
    const slash = this.#path.indexOf("/", start);
    const stop = slash < 0 || slash > end ? end : slash;
    const segment = this.#path.slice(start, stop);
    let found: Route | undefined;
    // An empty Map would compute the hash of the segment all the same.
    if (node.literals.size > 0) {
      const literal = node.literals.get(this.#keyOf(segment));
      if (literal !== undefined) found = this.#walk(literal, stop + 1, depth);
    }
    if (found === undefined && segment !== "") found = this.#walkVariables(node.variables, segment, stop, depth);
    if (found === undefined && node.rest !== null) return this.#takeRest(node.rest, start, depth);
    return found;
  }

  #walkVariables(variables: readonly Variable[], segment: string, stop: number, depth: number): Route | undefined {
    for (let i = 0; i < variables.length; i++) {
      const { test, node } = variables[i] as Variable;
      if (test !== undefined && !test(decodeComponent(segment))) continue;
      this.#captures.values[depth] = segment;
      const found = this.#walk(node, stop + 1, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #atEnd(node: Node, start: number, depth: number): Route | undefined {
    const found = node.leaf?.find(this.#method);
    if (found !== undefined || node.rest === null || this.#slash === "strict") return found;
    return this.#takeRest(node.rest, start, depth);
  }

  #takeRest(leaf: Leaf, start: number, depth: number): Route | undefined {
    const found = leaf.find(this.#method);
    if (found === undefined) return undefined;
    this.#captures.values[depth] = this.#path.slice(start);
    this.#captures.rest = start;
    return found;
  }

  /** Every leaf that matches a path, whatever the method, the most specific first; "untyped", whatever the types too. */
  matches(path: string, typing: "typed" | "untyped"): Match[] {
    const found: Match[] = [];
    if (path === "") return found;
    this.#spelling = "escaped";
    const bare = path.slice(1, this.#endOf(path));
    this.#gather(this.#root, path === "/" ? [""] : bare.split("/"), 0, [], typing, found);
    return found;
  }

  // biome-ignore format: one call, one line of state
  #gather(node: Node, segments: readonly string[], at: number, values: readonly string[], typing: "typed" | "untyped", found: Match[]): void {
    const segment = segments[at];
    if (segment === undefined) {
      if (node.leaf !== null) found.push({ leaf: node.leaf, values });
      if (node.rest !== null && this.#slash === "ignore") found.push({ leaf: node.rest, values });
      return;
    }
    const literal = node.literals.get(this.#keyOf(segment));
    if (literal !== undefined) this.#gather(literal, segments, at + 1, values, typing, found);
    for (const { test, node: next } of segment === "" ? [] : node.variables) {
      if (typing === "typed" && test !== undefined && !test(decodeComponent(segment))) continue;
      this.#gather(next, segments, at + 1, [...values, segment], typing, found);
    }
    if (node.rest !== null) found.push({ leaf: node.rest, values });
  }

  /** The leaf for the path of a pattern, made where there is none. */
  leafFor(segments: readonly PatternSegment[]): Leaf {
    let node = this.#root;
    for (const segment of segments) {
      if (segment.kind === "rest") return (node.rest ??= new Leaf());
      node =
        segment.kind === "literal" ? literalNode(node, segment.text) : variableNode(node, segment.type, this.#types);
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

function variableNode(node: Node, type: string, types: SegmentTypes): Node {
  const known = node.variables.find((variable) => variable.type === type);
  if (known !== undefined) return known.node;
  const next = new Node();
  const variable: Variable = { type, test: type === "string" ? undefined : types.get(type), node: next };
  const behind = node.variables.findIndex((variable) => compareTypes(type, variable.type) === "moreSpecific");
  node.variables.splice(behind < 0 ? node.variables.length : behind, 0, variable);
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
