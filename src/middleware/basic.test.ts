import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { type Answer, type Loopback, loopback } from "../testing/index.ts";
import { type BasicOptions, basic } from "./basic.ts";
import { principalOf } from "./principal.ts";

const bench = <P>(options: BasicOptions<P>): Loopback =>
  loopback(stack((request) => text(`Hello, ${String(principalOf<P>(request))}`), basic(options)));

const base64 = (value: string | Uint8Array): string => Buffer.from(value as string).toString("base64");
const get = (authorization?: string): string =>
  `GET / HTTP/1.1\r\nHost: a\r\n${authorization === undefined ? "" : `Authorization: ${authorization}\r\n`}\r\n`;

async function ask(options: BasicOptions<unknown>, authorization?: string): Promise<Answer> {
  await using loop = bench(options);
  return await loop.connect().exchange(get(authorization));
}

/** Of another realm: a promise, and none by the class of this one. */
const Foreign = runInNewContext("Promise") as PromiseConstructor;

const users = { ada: "secret", björk: "sönger: two", empty: "" };

test("who knows name and password is let in, and the handler knows who it is", async () => {
  for (const [name, password] of Object.entries(users)) {
    const { status, body } = await ask({ users }, `Basic ${base64(`${name}:${password}`)}`);
    assert.deepEqual([status, Buffer.from(body, "latin1").toString()], [200, `Hello, ${name}`]);
  }
  assert.equal((await ask({ users }, `bAsIc   ${base64("ada:secret")}`)).status, 200);
});

test("all others are 401 alike: nothing tells an unknown name from a wrong password", async () => {
  const answers = new Set<string>();
  for (const pair of [
    "ada:wrong",
    "nobody:secret",
    "ADA:secret",
    "ada:",
    ":secret",
    "ada:secret ",
    "__proto__:x",
    "constructor:x",
  ]) {
    const answer = await ask({ users, realm: 'the "staff"' }, `Basic ${base64(pair)}`);
    answers.add(JSON.stringify([answer.status, answer.body, [...answer.headers]]));
    assert.equal(answer.headers.get("www-authenticate"), 'Basic realm="the \\"staff\\"", charset="UTF-8"');
  }
  assert.equal(answers.size, 1);
  assert.equal((await ask({ users })).status, 401);
});

test("malformed credentials are 401, and never reach who verifies", async () => {
  let asked = 0;
  const verify = (): string => {
    asked++;
    return "anybody";
  };
  const malformed = [
    "",
    "Basic",
    "Basic ",
    "Basic !!!!",
    `Basic ${base64("no colon")}`,
    `Basic ${base64(Uint8Array.of(0xff, 0xfe, 0x3a, 0x61))}`,
    `Basic ${base64("a\r\nb:c")}`,
    `Basic ${base64("a:\0")}`,
    `Basic ${base64("a:b")} x`,
    `Basic ${base64("a:b")}, Basic ${base64("a:b")}`,
    `Basic a=${base64("a:b")}`,
    `Bearer ${base64("a:b")}`,
    `Basic ${base64(`a:${"b".repeat(8000)}`)}`,
    `Basic\t${base64("a:b")}`,
  ];
  for (const authorization of malformed)
    assert.equal((await ask({ verify }, authorization)).status, 401, authorization);
  await using loop = bench({ verify });
  const twice = `Authorization: Basic ${base64("a:b")}\r\n`.repeat(2);
  assert.equal((await loop.connect().exchange(`GET / HTTP/1.1\r\nHost: a\r\n${twice}\r\n`)).status, 401);
  assert.equal(asked, 0);
});

test("verify gives the principal, at once or later; null, undefined and false are nobody, and a throw is 500", async () => {
  const credentials = `Basic ${base64("ada:a:b")}`;
  const seen: string[][] = [];
  const verifiers: [number, BasicOptions<unknown>["verify"]][] = [
    [200, (name, password) => ({ id: seen.push([name, password]) })],
    [200, async () => 0],
    [401, () => null],
    [401, async () => undefined],
    [401, () => false],
    [401, () => Foreign.resolve(null)],
    [200, () => Foreign.resolve("ada")],
    [
      500,
      () => {
        throw new Error("the store is down");
      },
    ],
    [500, () => Promise.reject(new Error("the store is down"))],
  ];
  for (const [status, verify] of verifiers) {
    assert.equal((await ask({ verify: verify as NonNullable<typeof verify> }, credentials)).status, status);
  }
  assert.deepEqual(seen, [["ada", "a:b"]]);
});

test("options that cannot be are refused when it is made", () => {
  const wrong: BasicOptions[] = [
    {},
    { users: {}, verify: () => null },
    { users, realm: "a\r\nX-Evil: 1" },
    { users, realm: "é" },
    { users: { "a:b": "c" } },
  ];
  for (const options of wrong) assert.throws(() => basic(options), { code: "USE_BAD_OPTION" });
});
