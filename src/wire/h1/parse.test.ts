import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields } from "../../message/fields.ts";
import { bytewise, cut, feed } from "../../testing/feed.ts";
import { seeded } from "../../testing/random.ts";
import { END } from "../events.ts";
import { type Leniency, STRICT, WIRE_LIMITS, type WireLimits } from "./limits.ts";
import { H1Machine } from "./machine.ts";

interface Setting {
  readonly limits?: Partial<WireLimits>;
  readonly leniency?: Partial<Leniency>;
}

/** What a server makes of the octets: the same whole, bytewise and cut at random. */
function read(octets: string, { limits, leniency }: Setting = {}): string[] {
  const machine = () =>
    new H1Machine("server", { limits: { ...WIRE_LIMITS, ...limits }, leniency: { ...STRICT, ...leniency } });
  const whole = feed(machine(), [octets]);
  assert.deepEqual(feed(machine(), bytewise(octets)), whole, `bytewise: ${octets.slice(0, 200)}`);
  const chance = seeded(octets.length);
  for (let i = 0; i < 3; i++) assert.deepEqual(feed(machine(), cut(octets, chance)), whole, `cut: ${octets}`);
  return whole;
}

function refused(octets: string, code: string, status: number, setting?: Setting): void {
  assert.deepEqual(read(octets, setting), [`error ${code} ${status}`], JSON.stringify(octets.slice(0, 200)));
}

const line = (start: string): string => `${start}\r\nHost: a\r\n\r\n`;
const withField = (field: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`;

test("any token is a method, and is kept in its case [EL-13]", () => {
  for (const method of ["GET", "get", "DELETE", "PROPFIND", "M-SEARCH", "x!#$%&'*+-.^_`|~9"]) {
    assert.deepEqual(read(line(`${method} / HTTP/1.1`)), [`request ${method} / 1.1 length=0 | Host: a`, "end"]);
  }
});

test("the target is kept as it was sent, in all four forms [GB-19]", () => {
  const cases: [string, string][] = [
    ["GET", "/"],
    ["GET", "/a%20b?x=%zz&u=http://h/"],
    ["GET", "/a:b,c;d~e"],
    ["GET", "http://example.com:8080/p?q"],
    ["GET", "https://example.com"],
    ["GET", "HTTP://[::1]:80/"],
    ["CONNECT", "example.com:443"],
    ["OPTIONS", "*"],
    ["GET", "/{}|^[]\\`"],
    ["GET", "//"],
  ];
  for (const [method, target] of cases) {
    const [head] = feed(new H1Machine("server"), [line(`${method} ${target} HTTP/1.1`)]);
    assert.equal(head, `request ${method} ${target} 1.1 length=0 | Host: a`);
  }
});

test("a target that its method does not allow is refused", () => {
  const lines = [
    "GET * HTTP/1.1",
    "CONNECT / HTTP/1.1",
    "CONNECT example.com HTTP/1.1",
    "CONNECT example.com: HTTP/1.1",
    "CONNECT :443 HTTP/1.1",
    "CONNECT http://example.com:443/ HTTP/1.1",
    "CONNECT a:65536 HTTP/1.1",
    "GET example.com:80 HTTP/1.1",
    "GET index.html HTTP/1.1",
    "GET ftp://a/ HTTP/1.1",
    "GET http:/a HTTP/1.1",
    "GET http:///a HTTP/1.1",
    "GET http://user@a/ HTTP/1.1",
    "GET http://user:pass@a/ HTTP/1.1",
    "GET http://a:b/ HTTP/1.1",
    "GET http://[::1/ HTTP/1.1",
    "OPTIONS ** HTTP/1.1",
    "GET ?a HTTP/1.1",
  ];
  for (const each of lines) refused(line(each), "WIRE_BAD_TARGET", 400);
});

test("octets that no target has are refused, each of them", () => {
  for (let octet = 0; octet < 256; octet++) {
    const character = String.fromCharCode(octet);
    const [first] = read(line(`GET /a${character}b HTTP/1.1`));
    const allowed = octet > 0x20 && octet < 0x7f && !'"#<>'.includes(character);
    assert.equal(first?.startsWith("request "), allowed, `octet ${octet}: ${first}`);
  }
});

test("a request line is method, target and version with one space between", () => {
  const lines = [
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    "GET / HTTP/1.1 ",
    " GET / HTTP/1.1",
    "GET\t/ HTTP/1.1",
    "GET /\tHTTP/1.1",
    "GET /",
    "GET",
    "GET / ",
    "GET / http/1.1",
    "GET / HTTP/1",
    "GET / HTTP/1.",
    "GET / HTTP/1.1.1",
    "GET / HTTP/11.1",
    "GET / HTTP/1.10",
    "GET / HTTP 1.1",
    "GET / HTPP/1.1",
    "GET / HTTP/+1.1",
    "G\u00e4T / HTTP/1.1",
    "G@T / HTTP/1.1",
    "\x16\x03\x01\x02\x00",
    "\0",
  ];
  for (const each of lines) {
    const [first] = read(line(each));
    assert.match(first ?? "", /^error WIRE_BAD_(REQUEST_LINE|TARGET) 400$/, each);
  }
});

test("HTTP/1.0 and HTTP/1.1 are read, and reported so [GB-22, EL-14, ND-67]", () => {
  assert.deepEqual(read(line("GET / HTTP/1.0")), ["request GET / 1.0 length=0 | Host: a", "end"]);
  assert.deepEqual(read(line("GET / HTTP/1.1")), ["request GET / 1.1 length=0 | Host: a", "end"]);
});

test("any other version is refused with 505, also HTTP/1.2 and HTTP/2.0", () => {
  for (const version of ["HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"]) {
    refused(line(`GET / ${version}`), "WIRE_BAD_VERSION", 505);
  }
  refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "WIRE_BAD_VERSION", 505);
});

test("empty lines before the request line are skipped, and count into the head", () => {
  assert.deepEqual(read(`\r\n\r\n\r\n${line("GET / HTTP/1.1")}`), ["request GET / 1.1 length=0 | Host: a", "end"]);
  refused(`\n${line("GET / HTTP/1.1")}`, "WIRE_BAD_LINE_END", 400);
  refused(`\r\r\n${line("GET / HTTP/1.1")}`, "WIRE_BAD_LINE_END", 400);
  refused("\r\n".repeat(600), "WIRE_HEAD_TOO_LARGE", 431, { limits: { headBytes: 1000 } });
});

test("a line that ends in a bare LF or a bare CR is refused wherever it stands", () => {
  const heads = [
    "GET / HTTP/1.1\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\rHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\rX",
    "GET / HTTP/1.1\r\nHost: a\r\nX: \n\r\n",
    "GET / HTTP/1.1\r\n\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
  ];
  for (const head of heads) refused(head, "WIRE_BAD_LINE_END", 400);
});

test("field lines keep their order, case and duplicates, and lose the blanks around values [ND-57]", () => {
  const head = "GET / HTTP/1.1\r\nhOST:a\r\nX-b: \t 1  2 \t\r\nx-B:2\r\nEmpty:\r\nBlank:   \r\nLatin: \xe4\xff\r\n\r\n";
  assert.deepEqual(read(head), [
    "request GET / 1.1 length=0 | hOST: a | X-b: 1  2 | x-B: 2 | Empty:  | Blank:  | Latin: \\xe4\\xff",
    "end",
  ]);
});

test("every octet in a value and in a name is as RFC 9110 has it", () => {
  const tchar = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
  for (let octet = 0; octet < 256; octet++) {
    const character = String.fromCharCode(octet);
    const inValue = read(withField(`X: a${character}b`))[0];
    const visible = octet === 9 || (octet >= 0x20 && octet !== 0x7f);
    assert.equal(inValue?.startsWith("request "), visible, `value ${octet}: ${inValue}`);
    if (character === ":") continue;
    const inName = read(withField(`X${character}Y: b`))[0];
    assert.equal(inName?.startsWith("request "), tchar.test(character), `name ${octet}: ${inName}`);
  }
});

test("a field line without a colon, without a name or with a blank before its colon is refused", () => {
  for (const field of ["Name", ": value", "Name : value", "Name\t: value", "Na me: value", "(c): v", "Name\xe4: v"]) {
    refused(withField(field), "WIRE_BAD_FIELD", 400);
  }
  refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "WIRE_FOLDED_FIELD", 400, { leniency: { obsFold: true } });
});

test("a folded field line is refused", () => {
  for (const fold of ["X: a\r\n b", "X: a\r\n\tb", "X: a\r\n ", "X:\r\n b"])
    refused(withField(fold), "WIRE_FOLDED_FIELD", 400);
});

test("a folded field line is joined by spaces where that is allowed", () => {
  const folding: Setting = { leniency: { obsFold: true } };
  const value = (field: string): string => read(withField(field), folding)[0]?.split(" | X: ")[1] ?? "refused";
  assert.equal(value("X: a\r\n b"), "a   b");
  assert.equal(value("X: a\r\n\tb\r\n c"), "a  \\tb   c");
  assert.equal(value("X:\r\n b"), "b");
  assert.equal(value("X: \r\n \r\n\tb"), "b");
  assert.equal(value("X: a\r\n "), "a");
  assert.equal(value("X: a\r\n b\r\nY: c"), "a   b | Y: c");
  // Blanks before and behind a fold, and lines that have nothing else.
  assert.equal(value("X: a \t\r\n  b \t"), "a \\t    b");
  assert.equal(value("X: a \r\n \r\n\t\r\nY: c "), "a | Y: c");
  assert.equal(value("X: a \r\n \r\n b \r\n "), "a       b");
  assert.equal(value("X:\r\n \r\n \r\nY: c"), " | Y: c");
  assert.equal(value("X: a\r\n b\r\nLonger-Name:  c\t "), "a   b | Longer-Name: c");
  assert.equal(value(`X: a${"\r\n ".repeat(1000)}\r\nY: c`), "a | Y: c");
  refused(withField("X: a\r\n \0"), "WIRE_BAD_FIELD", 400, folding);
  refused(withField("X: a\r\n b: \n"), "WIRE_BAD_LINE_END", 400, folding);
  const lengthFolded = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 3\r\n\r\nabc";
  assert.deepEqual(read(lengthFolded, folding).slice(1), ["data abc", "end"]);
});

test("a target of just the limit is read, one octet more gives 414 [GB-38]", () => {
  const limits = { targetBytes: 1024 };
  const longest = `/${"a".repeat(1023)}`;
  assert.match(read(line(`GET ${longest} HTTP/1.1`), { limits })[0] ?? "", /^request GET \/a+ 1\.1/);
  refused(line(`GET ${longest}a HTTP/1.1`), "WIRE_TARGET_TOO_LONG", 414, { limits });
  refused(`GET ${longest}a`, "WIRE_TARGET_TOO_LONG", 414, { limits });
  refused(`${"M".repeat(1025)} / HTTP/1.1`, "WIRE_METHOD_TOO_LONG", 501, { limits });
});

test("a field line of just the limit is read, one octet more gives 431 [CH-50]", () => {
  const limits = { fieldBytes: 100 };
  const longest = `X: ${"a".repeat(97)}`;
  assert.match(read(withField(longest), { limits })[0] ?? "", /^request/);
  refused(withField(`${longest}a`), "WIRE_HEAD_TOO_LARGE", 431, { limits });
  refused(withField("N".repeat(101)), "WIRE_HEAD_TOO_LARGE", 431, { limits });
  refused(withField(`N: ${" ".repeat(99)}`), "WIRE_HEAD_TOO_LARGE", 431, { limits });
});

test("a head of just the limit is read, a larger one gives 431", () => {
  const limits = { headBytes: 300 };
  const head = (length: number): string => withField(`X: ${"a".repeat(length - withField("X: ").length)}`);
  assert.match(read(head(304), { limits })[0] ?? "", /^request/, "the last two line ends are not counted");
  refused(head(305), "WIRE_HEAD_TOO_LARGE", 431, { limits });
});

test("256 field lines are read, the 257th gives 431 [GB-37]", () => {
  const fields = (count: number): string =>
    withField(Array.from({ length: count - 1 }, (_, i) => `N${i}: v`).join("\r\n"));
  assert.equal(read(fields(256))[0]?.split(" | ").length, 257);
  refused(fields(257), "WIRE_TOO_MANY_FIELDS", 431);
  refused(fields(100_000), "WIRE_TOO_MANY_FIELDS", 431);
});

test("the same fields again are read as the first time, and so is what differs by an octet", () => {
  const first = "GET /1 HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n";
  const lines = read(first + first.replace("/1", "/2") + first.replace("a=b", "a=c") + first);
  assert.deepEqual(lines, [
    "request GET /1 1.1 length=0 | Host: a | Cookie: a=b",
    "end",
    "request GET /2 1.1 length=0 | Host: a | Cookie: a=b",
    "end",
    "request GET /1 1.1 length=0 | Host: a | Cookie: a=c",
    "end",
    "request GET /1 1.1 length=0 | Host: a | Cookie: a=b",
    "end",
  ]);
});

test("fields that were read before do not lift the limit of the head", () => {
  const head = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(100)}\r\n\r\n`;
  const lines = read(head("/") + head(`/${"a".repeat(100)}`), { limits: { headBytes: 200 } });
  assert.equal(lines.at(-1), "error WIRE_HEAD_TOO_LARGE 431");
  const empty = read(`${head("/")}${"\r\n".repeat(90)}${head("/")}`, { limits: { headBytes: 200 } });
  assert.equal(empty.at(-1), "error WIRE_HEAD_TOO_LARGE 431");
});

test("a body that looks like the fields before is a body", () => {
  const fields = "Host: a\r\nContent-Length: 30\r\n\r\n";
  const body = fields.padEnd(30).slice(0, 30);
  const lines = read(`POST / HTTP/1.1\r\n${fields}${body}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
  assert.equal(lines.filter((each) => each.startsWith("request")).length, 2);
});

test("a head of a megabyte is read in linear time, octet by octet [EL-38]", () => {
  const limits = { headBytes: 2 ** 21, fieldBytes: 2 ** 21, fields: 1000 };
  const time = (length: number): number => {
    const head = withField(`X: ${"a".repeat(length)}`);
    const machine = new H1Machine("server", { limits: { ...WIRE_LIMITS, ...limits } });
    const bytes = Buffer.from(head, "latin1");
    const started = process.cpuUsage().user;
    for (let i = 0; i < bytes.length; i++) {
      machine.receive(bytes, i, i + 1);
      if (machine.next() !== "need-data") return process.cpuUsage().user - started;
    }
    throw new Error("The head was not read.");
  };
  time(2 ** 18);
  const [small, large] = [time(2 ** 18), time(2 ** 20)];
  // Four times the length: four times the time, or 16 if it were quadratic; 10 leaves room for a busy machine.
  assert.ok(large < small * 10 + 50_000, `${small} µs, then ${large} µs`);
});

test("the response side reads status lines", () => {
  const client = (octets: string): string[] => {
    const lines = [[octets], bytewise(octets)].map((pieces) => {
      const machine = new H1Machine("client");
      feedRequest(machine);
      return feed(machine, pieces);
    });
    assert.deepEqual(lines[0], lines[1]);
    return lines[0] as string[];
  };
  assert.deepEqual(client("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), [
    "response 200 OK 1.1 length=0 | Content-Length: 0",
    "end",
  ]);
  assert.match(client("HTTP/1.0 299 \r\n\r\n")[0] ?? "", /^response 299 {2}1\.0 length=undefined/);
  assert.match(client("HTTP/1.1 404 Nichts \xfc da\r\n\r\n")[0] ?? "", /^response 404 Nichts ü da/);
  for (const bad of [
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 099 X",
    "HTTP/1.1 200",
    "HTTP/1.1  200 OK",
    "HTTQ/1.1 200 OK",
    "http/1.1 200 OK",
    "HTTP/1.1 200 O\0K",
    "HTTP/1.1\t200 OK",
  ]) {
    assert.deepEqual(client(`${bad}\r\n\r\n`), ["error WIRE_BAD_STATUS_LINE 502"], bad);
  }
  assert.deepEqual(client("HTTP/2.0 200 OK\r\n\r\n"), ["error WIRE_BAD_VERSION 505"]);
  assert.deepEqual(client("HTTP/1.1 200 OK\n\r\n"), ["error WIRE_BAD_LINE_END 400"]);
});

function feedRequest(machine: H1Machine): void {
  const head = { method: "GET", target: "/", version: "1.1", headers: new Fields() } as const;
  machine.send({ type: "request", head, length: 0 }, () => {});
  machine.send(END, () => {});
}
