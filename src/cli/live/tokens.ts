// The tokens of JavaScript, as far as one must know them to tell code from what only looks like code: strings, templates,
// comments and regular expressions. It does not parse; whether a slash divides is decided by what stands before it, as in
// every lexer that has no parser behind it (es-module-lexer does the same).

export type TokenKind = "name" | "string" | "number" | "template" | "regex" | "punctuator" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Whether a line ends between this token and the one before. */
  readonly newline: boolean;
  /** How many brackets are open around it; an opening bracket counts from the token behind it. */
  readonly depth: number;
}

const SPACE = /(?:[\s\ufeff]|\/\/[^\n\r\u2028\u2029]*|\/\*.*?\*\/)+/sy;
const NAME = /[\p{ID_Start}$_#\\](?:[\p{ID_Continue}$\u200c\u200d]|\\u(?:\{[\da-fA-F]+\}|[\da-fA-F]{4}))*/uy;
const NUMBER = /(?:0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*)?\.?(?:\d[\d_]*)?(?:[eE][+-]?\d[\d_]*)?)n?/y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/sy;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[\p{ID_Continue}$]*/uy;
// Up to the end of the template, or to the next "${".
const TEMPLATE = /(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)/sy;
const PUNCTUATOR = /=>|\+\+|--|\.\.\.|\?\.(?!\d)|./suy;

/** Names behind which a slash begins a regular expression, and a brace an object. */
const OPERATORS = new Set(
  "return typeof case do else in instanceof new void delete throw yield await of extends default".split(" "),
);
/** Names whose parentheses are no expression: behind them a statement begins. */
const HEADS = new Set(["if", "while", "for", "with"]);

type Bracket = "(" | "head" | "[" | "block" | "object" | "template";

/** Reads one token after the other. A lexer that stands where this stands is made by fork(). */
export class Tokens {
  readonly source: string;
  #at = 0;
  #open: Bracket[] = [];
  #last: Token | null = null;
  /** What the token before the last was: `a.return` is no return. */
  #beforeLast = "";
  /** What the bracket was that the last token closed. */
  #closed: Bracket | null = null;

  constructor(source: string) {
    this.source = source;
    if (source.startsWith("#!")) this.#at = source.search(/[\n\r]|$/);
  }

  /** The token that was read last. */
  get last(): Token | null {
    return this.#last;
  }

  /** The text of the token before the last. */
  get beforeLast(): string {
    return this.#beforeLast;
  }

  fork(): Tokens {
    const copy = new Tokens("");
    (copy as { source: string }).source = this.source;
    copy.#at = this.#at;
    copy.#open = [...this.#open];
    copy.#last = this.#last;
    copy.#beforeLast = this.#beforeLast;
    copy.#closed = this.#closed;
    return copy;
  }

  /** The token that comes next, without taking it. */
  peek(): Token {
    return this.fork().next();
  }

  next(): Token {
    const { source } = this;
    const from = this.#at;
    const space = this.#match(SPACE);
    const newline = /[\n\r\u2028\u2029]/.test(space);
    const start = from + space.length;
    const depth = this.#open.length;
    const token = (kind: TokenKind, text: string): Token => {
      const read: Token = { kind, text, start, end: this.#at, newline, depth };
      this.#beforeLast = this.#last?.text ?? "";
      this.#last = read;
      return read;
    };
    const first = source[start];
    if (first === undefined) return token("end", "");
    if (first === '"' || first === "'") return token("string", this.#match(STRING) || this.#take(1));
    if (first === "`") return token("template", this.#take(1) + this.#template());
    if (first === "}" && this.#open.at(-1) === "template") {
      this.#open.pop();
      return token("template", this.#take(1) + this.#template());
    }
    if (/[\d]/.test(first) || (first === "." && /\d/.test(source[start + 1] ?? ""))) {
      return token("number", this.#match(NUMBER));
    }
    const name = this.#match(NAME);
    if (name !== "") return token("name", name);
    if (first === "/" && this.#valueExpected()) {
      const regex = this.#match(REGEX);
      if (regex !== "") return token("regex", regex);
    }
    const text = this.#match(PUNCTUATOR);
    this.#bracket(text);
    return token("punctuator", text);
  }

  #template(): string {
    const text = this.#match(TEMPLATE);
    if (text.endsWith("${")) this.#open.push("template");
    return text;
  }

  #bracket(text: string): void {
    if (text === "(") this.#open.push(this.#last !== null && HEADS.has(this.#last.text) ? "head" : "(");
    else if (text === "[") this.#open.push("[");
    else if (text === "{") this.#open.push(this.#beginsObject() ? "object" : "block");
    else if (text === ")" || text === "]" || text === "}") this.#closed = this.#open.pop() ?? null;
  }

  /** Whether a value, and no operator, would come next: then a slash begins a regular expression. */
  #valueExpected(): boolean {
    const last = this.#last;
    if (last === null) return true;
    if (last.kind === "name") return OPERATORS.has(last.text) && this.#beforeLast !== ".";
    if (last.kind === "template") return last.text.endsWith("${");
    if (last.kind !== "punctuator") return false;
    if (last.text === ")") return this.#closed === "head";
    if (last.text === "}") return this.#closed === "block";
    return !["]", "++", "--"].includes(last.text);
  }

  #beginsObject(): boolean {
    const last = this.#last;
    if (last === null) return false;
    if (last.kind === "name") return this.#valueExpected() && last.text !== "else" && last.text !== "do";
    if (last.kind !== "punctuator") return last.text.endsWith("${");
    if (last.text === ":") return this.#open.at(-1) !== "block" && this.#open.length > 0;
    return (
      !["=>", ")", "]", ";", "{", "}"].includes(last.text) || (last.text === "{" && this.#open.at(-1) === "object")
    );
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.source)?.[0] ?? "";
    this.#at += text.length;
    return text;
  }

  #take(length: number): string {
    const text = this.source.slice(this.#at, this.#at + length);
    this.#at += length;
    return text;
  }
}
