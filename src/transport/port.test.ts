// What becomes of an error on its way to another thread; the rest of what a Transport does is in test/contract.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { TransportError } from "../base/errors.ts";
import { PortTransport } from "./port.ts";

/** What the other end of a channel is told of an error that this one is cut with. */
async function arrived(error: Error | undefined): Promise<Error> {
  const { port1, port2 } = new MessageChannel();
  const [near, far] = [new PortTransport(port1), new PortTransport(port2)];
  const closed = new Promise<Error | undefined>((close) => {
    far.open({ data() {}, end() {}, drain() {}, close });
  });
  assert.deepEqual([near.error, far.error], [undefined, undefined]);
  near.destroy(error);
  const told = await closed;
  assert.ok(told instanceof TransportError && told.code === "NET_RESET" && told.cause instanceof Error);
  assert.deepEqual([near.error, far.error], [error, told]);
  return told.cause;
}

class QuotaError extends Error {
  override readonly name = "QuotaError";
  readonly code = "E_QUOTA";
  readonly status = 507;
  readonly retry = true;
  readonly owner = { cannot: () => "be copied" };
}

test("an error keeps what who handles it asks for: message, name, stack and plain properties", async () => {
  const error = new QuotaError("full");
  const copy = await arrived(error);
  const { name, message, stack, code, status, retry, owner } = copy as QuotaError;
  assert.deepEqual(
    [name, message, stack, code, status, retry],
    ["QuotaError", "full", error.stack, "E_QUOTA", 507, true],
  );
  assert.equal(owner, undefined);
});

test("errors of the language and of the system are what they were", async () => {
  const range = await arrived(new RangeError("far"));
  assert.ok(range instanceof RangeError && range.message === "far");
  const system = Object.assign(new Error("no such file"), { code: "ENOENT", errno: -2, syscall: "open", path: "/x" });
  const { name, code, errno, path } = (await arrived(system)) as NodeJS.ErrnoException;
  assert.deepEqual([name, code, errno, path], ["Error", "ENOENT", -2, "/x"]);
});

test("an error with a cause that cannot be copied is told by its text, and none is told too", async () => {
  const copy = await arrived(Object.assign(new Error("odd", { cause: () => {} }), { code: "E_ODD" }));
  assert.match(copy.message, /odd/);
  assert.equal((copy as NodeJS.ErrnoException).code, "E_ODD");
  assert.match((await arrived(undefined)).message, /destroyed/);
});

test("an error whose properties are not to be had is told all the same", async () => {
  const stubborn = new Error("stubborn");
  const refuse = { enumerable: true, get: (): never => assert.fail("not to be asked") };
  Object.defineProperties(stubborn, { secret: refuse, name: refuse });
  assert.ok((await arrived(stubborn)) instanceof Error);
  const trapped = new Proxy(new Error("trapped"), {
    get: (target, key) => (key === "constructor" ? Reflect.get(target, key) : assert.fail("not to be asked")),
  });
  assert.match((await arrived(trapped)).message, /cannot be made text/);
});
