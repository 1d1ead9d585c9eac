// Texts that are made to be looked at again and again: for each a function of its length. Whoever reads one of them in more than
// linear time shows it at one length and at sixteen times that.

/** A text of about so many characters. */
export type Shape = (length: number) => string;
export type Shapes = Readonly<Record<string, Shape>>;

const between = (before: string, filling: string, after: string): Shape => {
  return (length) => before + filling.repeat(Math.max(1, Math.floor(length / filling.length))) + after;
};
const numbered = (member: (index: number) => string, separator: string): Shape => {
  return (length) => {
    const each = member(1000).length + separator.length;
    return Array.from({ length: Math.ceil(length / each) }, (_, index) => member(index)).join(separator);
  };
};

/** What any header may be sent as. */
export const VALUES: Shapes = {
  "one word": between("", "a", ""),
  "blanks between": between("5", " ", "5"),
  "blanks behind a semicolon": between("a/b;", " ", "c"),
  "blanks behind an equals sign": between("a/b; c=", " ", "d"),
  commas: between("", ",", ""),
  "commas and blanks": between("", ", ", "a"),
  semicolons: between("a/b", ";", ""),
  "equals signs": between("a", "=", ""),
  "members that differ": numbered((index) => `a${index}`, ","),
  "parameters that differ": (length) => `a/b;${numbered((index) => `c${index}=d`, ";")(length)}`,
  weights: between("", "a/b;q=0.5,", "c/d"),
  "bad weights": between("", "a;q=-1,", ""),
  "quotation marks": between("", '"', ""),
  "a quotation without an end": between('a="', "b", ""),
  "quotations without an end": between('"', ",", ""),
  "backslashes in a quotation": between('a="', "\\", ""),
  "escaped quotation marks": between('a="', '\\"', ""),
  "quotations behind equals signs": between("a", ';b="', ""),
  stars: between("", "*,", "*"),
  "percent signs": between("", "%", ""),
  colons: between("a", ":", ""),
  digits: between("", "9", ""),
};

/** What a path may be. */
export const PATHS: Shapes = {
  "one segment": between("/", "a", ""),
  segments: between("", "/a", ""),
  slashes: between("", "/", ""),
  "dot segments": between("", "/..", ""),
  "segments that are taken back": between("", "/a/..", "/b"),
  "segments of dots": between("", "/...", ""),
  "percent signs": between("/", "%", ""),
  escapes: between("/", "%41", ""),
  "escaped slashes": between("/", "%2F", ""),
  "escapes that are no text": between("/", "%ff", ""),
  "a bad escape at the end": between("/", "%20", "%z"),
  backslashes: between("/", "\\", ""),
  digits: between("/", "9", "x"),
  dots: between("/", "a.", ""),
  "question marks": between("/", "?", ""),
  pairs: between("/?", "a&", ""),
  "pairs that differ": (length) => `/?${numbered((index) => `a${index}=b`, "&")(length)}`,
  "plus signs": between("/?a=", "+", ""),
};

export { between, numbered };
