// What a module imports and exports, read from its text; and its text as a script, each octet where it was, so that lines and
// columns of errors stay true. Imports vanish, `export` loses its word, import() and import.meta become members of a parameter.
//
// Why not leave modules to Node: what import() has loaded is kept for ever, by its loader and by V8 (nodejs/node#59118, and
// vm.SourceTextModule is no better). A server that is redefined for weeks needs modules that can be collected; functions can.
import { type Token, Tokens } from "./tokens.ts";

export interface ImportedName {
  /** The name that the other module gives it; "*" for all of them as an object. */
  readonly name: string;
  readonly local: string;
}

export interface Import {
  readonly specifier: string;
  readonly names: readonly ImportedName[];
  /** Where the declaration begins. */
  readonly at: number;
}

/** `export { name as as } from`; "*" as "**" for `export * from`. */
export interface Passed {
  readonly specifier: string;
  readonly name: string;
  readonly as: string;
  readonly at: number;
}

export interface Declarations {
  readonly imports: readonly Import[];
  /** Exported name → the variable behind it. */
  readonly exports: ReadonlyMap<string, string>;
  /** Exported names whose variable may get another value later. */
  readonly changing: ReadonlySet<string>;
  readonly passed: readonly Passed[];
  /** The text as the body of a function; `$portico` stands for what only a module has. */
  readonly body: string;
  /** Where an offset in the body stands in the text: what was put in instead may be longer or shorter. */
  readonly origin: (at: number) => number;
  /** Whether there was anything that only a module may have. */
  readonly isModule: boolean;
}

/** The variable of `export default` where it has no name of its own. */
const DEFAULT = "$_$";
const CONTINUES = new Set(["in", "of", "instanceof", "as"]);

/** Reads a module. Throws nothing: what cannot be JavaScript is for the compiler to say. */
export function declarations(source: string): Declarations {
  return new Reading(source).read();
}

class Reading {
  readonly #source: string;
  readonly #tokens: Tokens;
  readonly #imports: Import[] = [];
  readonly #exports = new Map<string, string>();
  readonly #passed: Passed[] = [];
  readonly #fixed = new Set<string>();
  readonly #edits: Edit[] = [];
  #isModule = false;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = new Tokens(source);
  }

  read(): Declarations {
    for (let token = this.#tokens.next(); token.kind !== "end"; token = this.#tokens.next()) {
      if (token.kind !== "name") continue;
      const member = this.#tokens.beforeLast === "." || this.#tokens.beforeLast === "?.";
      if (token.text === "import" && !member) this.#import(token);
      else if (token.depth > 0 || member) continue;
      else if (token.text === "export") this.#export(token);
      else if (token.text === "const" || token.text === "function" || token.text === "class") this.#declared(token);
    }
    if (this.#source.startsWith("#!")) this.#edits.unshift({ start: 0, end: 2, text: "//" });
    return this.#done();
  }

  #import(token: Token): void {
    const next = this.#tokens.peek();
    if (next.text === "(") {
      // A method may be called import: behind its parentheses stands a brace.
      if (!this.#isMethod()) this.#dynamic(token, "$portico.import");
    } else if (next.text === ".") {
      const ahead = this.#tokens.fork();
      ahead.next();
      const meta = ahead.next();
      if (meta.text === "meta") {
        this.#isModule = true;
        this.#edits.push({ start: token.start, end: meta.end, text: "$portico.meta" });
      }
    } else if (token.depth === 0 && next.text !== ":" && next.text !== "=") {
      this.#isModule = true;
      this.#importDeclaration(token);
    }
  }

  #isMethod(): boolean {
    const ahead = this.#tokens.fork();
    const { depth } = ahead.next();
    for (let token = ahead.next(); token.kind !== "end"; token = ahead.next()) {
      if (token.text === ")" && token.depth === depth + 1) return ahead.next().text === "{";
    }
    return false;
  }

  #dynamic(token: Token, text: string): void {
    this.#edits.push({ start: token.start, end: token.end, text });
  }

  #importDeclaration(from: Token): void {
    const names: ImportedName[] = [];
    let token = this.#tokens.next();
    while (token.kind !== "string" && token.kind !== "end") {
      if (token.text === "{") names.push(...this.#list().map(({ name, as }) => ({ name, local: as })));
      else if (token.text === "*") {
        this.#tokens.next();
        names.push({ name: "*", local: this.#tokens.next().text });
      } else if (token.kind === "name" && (token.text !== "from" || [",", "from"].includes(this.#tokens.peek().text))) {
        names.push({ name: "default", local: token.text });
      }
      token = this.#tokens.next();
    }
    this.#blankFrom(from, this.#afterSpecifier());
    this.#imports.push({ specifier: nameIn(token), names, at: from.start });
  }

  /** `a, b as c, "d" as e }`, behind the brace. */
  #list(): { readonly name: string; readonly as: string }[] {
    const names: { name: string; as: string }[] = [];
    for (let token = this.#tokens.next(); token.text !== "}" && token.kind !== "end"; token = this.#tokens.next()) {
      if (token.text === ",") continue;
      const name = nameIn(token);
      let as = name;
      if (this.#tokens.peek().text === "as") {
        this.#tokens.next();
        as = nameIn(this.#tokens.next());
      }
      names.push({ name, as });
    }
    return names;
  }

  /** Takes `with { … }` and the semicolon, and says where the declaration ends. */
  #afterSpecifier(): number {
    let { end } = this.#tokens.last as Token;
    const next = this.#tokens.peek();
    if (next.text === "with" || (next.text === "assert" && !next.newline)) {
      this.#tokens.next();
      let token = this.#tokens.next();
      while (token.text !== "}" && token.kind !== "end") token = this.#tokens.next();
      end = token.end;
    }
    return this.#tokens.peek().text === ";" ? this.#tokens.next().end : end;
  }

  #export(token: Token): void {
    const next = this.#tokens.peek();
    this.#isModule = true;
    if (next.text === "{") this.#exportList(token);
    else if (next.text === "*") this.#exportAll(token);
    else if (next.text === "default") this.#exportDefault(token);
    else {
      this.#blankFrom(token, token.end);
      const declared = this.#declared(this.#tokens.next());
      for (const name of declared) this.#exports.set(name, name);
    }
  }

  #exportList(from: Token): void {
    this.#tokens.next();
    const names = this.#list();
    if (this.#tokens.peek().text === "from") {
      this.#tokens.next();
      const specifier = nameIn(this.#tokens.next());
      this.#passed.push(...names.map(({ name, as }) => ({ specifier, name, as, at: from.start })));
      // An empty list still has the module run.
      if (names.length === 0) this.#imports.push({ specifier, names: [], at: from.start });
      return this.#blankFrom(from, this.#afterSpecifier());
    }
    for (const { name, as } of names) this.#exports.set(as, name);
    const { end } = this.#tokens.last as Token;
    this.#blankFrom(from, this.#tokens.peek().text === ";" ? this.#tokens.next().end : end);
  }

  #exportAll(from: Token): void {
    this.#tokens.next();
    let as: string | null = null;
    if (this.#tokens.next().text === "as") {
      as = nameIn(this.#tokens.next());
      this.#tokens.next();
    }
    this.#passed.push({ specifier: nameIn(this.#tokens.next()), name: "*", as: as ?? "**", at: from.start });
    this.#blankFrom(from, this.#afterSpecifier());
  }

  #exportDefault(word: Token): void {
    const keyword = this.#tokens.next();
    const ahead = this.#tokens.fork();
    let token = ahead.next();
    if (token.text === "async" && !ahead.peek().newline && ahead.peek().text === "function") token = ahead.next();
    if (token.text !== "function" && token.text !== "class") {
      // The two words become a declaration of the same length.
      this.#edits.push({ start: word.start, end: word.end, text: "const " });
      this.#edits.push({ start: keyword.start, end: keyword.end, text: `${DEFAULT}   =` });
      this.#exports.set("default", DEFAULT);
      this.#fixed.add(DEFAULT);
      return;
    }
    this.#blankFrom(word, keyword.end);
    const kind = token.text;
    if (ahead.peek().text === "*") token = ahead.next();
    const name = ahead.peek();
    const named = name.kind === "name" && !(kind === "class" && name.text === "extends");
    if (!named) this.#edits.push({ start: token.end, end: token.end, text: ` ${DEFAULT}` });
    const local = named ? name.text : DEFAULT;
    this.#exports.set("default", local);
    this.#fixed.add(local);
  }

  /** The names that a declaration makes; the token is its first word. */
  #declared(word: Token): string[] {
    if (word.text === "const" || word.text === "let" || word.text === "var") {
      const names = declarators(this.#tokens.fork());
      if (word.text === "const") for (const name of names) this.#fixed.add(name);
      return names;
    }
    const ahead = this.#tokens.fork();
    let token = word;
    while (["async", "function", "class", "*"].includes(token.text)) token = ahead.next();
    if (token.kind !== "name") return [];
    this.#fixed.add(token.text);
    return [token.text];
  }

  #blankFrom(from: Token, end: number): void {
    const text = this.#source.slice(from.start, end).replace(/[^\n\r\u2028\u2029]/g, " ");
    this.#edits.push({ start: from.start, end, text });
  }

  #done(): Declarations {
    // What is imported and exported again is passed on: its variable is not ours.
    const origin = new Map<string, { specifier: string; name: string; at: number }>();
    for (const { specifier, names, at } of this.#imports) {
      for (const { name, local } of names) origin.set(local, { specifier, name, at });
    }
    for (const [as, local] of this.#exports) {
      const from = origin.get(local);
      if (from === undefined) continue;
      this.#exports.delete(as);
      this.#passed.push({ ...from, as });
    }
    let body = "";
    let at = 0;
    for (const { start, end, text } of this.#edits) {
      body += this.#source.slice(at, start) + text;
      at = end;
    }
    return {
      imports: this.#imports,
      exports: this.#exports,
      changing: new Set([...this.#exports].filter(([, local]) => !this.#fixed.has(local)).map(([as]) => as)),
      passed: this.#passed,
      body: body + this.#source.slice(at),
      origin: (offset) => originIn(this.#edits, offset),
      isModule: this.#isModule,
    };
  }
}

/** What stands in the body instead of a part of the text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function originIn(edits: readonly Edit[], offset: number): number {
  let grown = 0;
  for (const { start, end, text } of edits) {
    if (offset < start + grown) break;
    if (offset < start + grown + text.length) return start;
    grown += text.length - (end - start);
  }
  return offset - grown;
}

function nameIn({ kind, text }: Token): string {
  if (kind !== "string") return text;
  const inner = text.slice(1, -1);
  return inner.includes("\\") ? (JSON.parse(`"${inner.replace(/\\'/g, "'")}"`) as string) : inner;
}

/** The names of `a = 1, { b, c: [d] } = e`, behind const, let or var. */
function declarators(tokens: Tokens): string[] {
  const names: string[] = [];
  for (;;) {
    const depth = tokens.peek().depth;
    bindings(tokens, names);
    if (!skipInitialiser(tokens, depth)) return names;
  }
}

/** One pattern: a name, or an object or array of patterns. */
function bindings(tokens: Tokens, names: string[]): void {
  const token = tokens.next();
  if (token.kind === "name") names.push(token.text);
  if (token.text !== "{" && token.text !== "[") return;
  const close = token.text === "{" ? "}" : "]";
  for (let next = tokens.peek(); next.text !== close && next.kind !== "end"; next = tokens.peek()) {
    if (next.text === "," || next.text === "...") tokens.next();
    else if (next.text === "=") skipDefault(tokens, token.depth + 1);
    else if (close === "]") bindings(tokens, names);
    else property(tokens, names);
  }
  tokens.next();
}

/** `a`, `a: pattern`, `[a]: pattern`, `"a": pattern`. */
function property(tokens: Tokens, names: string[]): void {
  const key = tokens.next();
  if (key.text === "[") {
    while (!(tokens.peek().text === "]" && tokens.peek().depth === key.depth + 1) && tokens.peek().kind !== "end") {
      tokens.next();
    }
    tokens.next();
  }
  if (tokens.peek().text !== ":") {
    if (key.kind === "name") names.push(key.text);
    return;
  }
  tokens.next();
  bindings(tokens, names);
}

function skipDefault(tokens: Tokens, depth: number): void {
  for (let next = tokens.peek(); next.kind !== "end"; next = tokens.peek()) {
    if (next.depth === depth && [",", "}", "]"].includes(next.text)) return;
    tokens.next();
  }
}

/** Skips `= value`, and says whether a comma and another declarator follow. */
function skipInitialiser(tokens: Tokens, depth: number): boolean {
  for (let next = tokens.peek(); next.kind !== "end"; next = tokens.peek()) {
    if (next.depth === depth) {
      if (next.text === ",") return tokens.next() !== undefined;
      if (next.text === ";" || next.text === "}" || endsBefore(tokens.last as Token, next)) return false;
    }
    tokens.next();
  }
  return false;
}

/** Whether a statement ends between two tokens because a line does. */
function endsBefore(last: Token, next: Token): boolean {
  if (!next.newline) return false;
  const value =
    last.kind !== "punctuator" ? !CONTINUES.has(last.text) : [")", "]", "}", "++", "--"].includes(last.text);
  return value && !["punctuator", "template"].includes(next.kind) && !CONTINUES.has(next.text);
}
