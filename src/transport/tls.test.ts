import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { LOCALHOST, OTHER } from "../../test/fixtures/certificates.ts";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Transport, TransportEvents } from "../base/transport.ts";
import type { Listener } from "./listen.ts";
import { listen } from "./tcp.ts";
import { dialTls, listenTls } from "./tls.ts";
import { TlsContext } from "./tls-context.ts";

const ANY = { host: "127.0.0.1", port: 0 };
const TRUST = { ca: [LOCALHOST.cert, OTHER.cert], servername: "localhost" };
const quiet: TransportEvents = { data() {}, end() {}, drain() {}, close() {} };

function echo(transport: Transport): void {
  transport.open({
    ...quiet,
    data: (bytes, start, end) => void transport.write([Buffer.from(bytes.subarray(start, end))]),
    end: () => transport.end(),
  });
}

function portOf(listener: Listener): number {
  assert.ok("port" in listener.address);
  return listener.address.port;
}

/** Shakes hands as a stranger would, and says whose certificate came. */
async function shake(listener: Listener, servername = "localhost"): Promise<{ socket: tls.TLSSocket; name: string }> {
  const options = { host: "127.0.0.1", port: portOf(listener), rejectUnauthorized: false, servername };
  const socket = tls.connect(options);
  await once(socket, "secureConnect");
  return { socket, name: String(socket.getPeerCertificate().subject.CN) };
}

async function answer(socket: tls.TLSSocket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = (await once(socket, "data")) as [Buffer];
  return bytes.toString();
}

function has(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof TransportError || error instanceof LocalError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.cause !== undefined || error instanceof LocalError);
    return true;
  };
}

test("a TLS listener can be supplied, by listen() or by itself: secure, with ALPN's answer [CH-42]", async () => {
  for (const via of [listen, listenTls]) {
    let met: (transport: Transport) => void = () => {};
    const accepted = new Promise<Transport>((resolve) => (met = resolve));
    const listener = await via(ANY, (transport) => met(transport), { tls: LOCALHOST });
    const [near, far] = await Promise.all([dialTls(listener.address, undefined, TRUST), accepted]);
    for (const end of [near, far]) assert.deepEqual([end.peer.secure, end.protocol], [true, "http/1.1"]);
    assert.equal(near.peer.port, portOf(listener));
    near.destroy();
    far.destroy();
    await listener.close();
  }
});

test("ALPN can be set, and a peer without it has no protocol", async () => {
  const protocols: (string | undefined)[] = [];
  const listener = await listenTls(
    ANY,
    (transport) => {
      protocols.push(transport.protocol);
      echo(transport);
    },
    { tls: { ...LOCALHOST, ALPNProtocols: ["h2", "http/1.1"] } },
  );
  const near = await dialTls(listener.address, undefined, { ...TRUST, ALPNProtocols: ["h2"] });
  assert.equal(near.protocol, "h2");
  near.write(["x"]);
  await new Promise<void>((resolve) => near.open({ ...quiet, data: () => resolve() })); // accepted, that is
  near.destroy();
  const { socket } = await shake(listener);
  assert.equal(await answer(socket, "hello"), "hello");
  socket.destroy();
  assert.deepEqual(protocols, ["h2", undefined]);
  await listener.close();
});

test("a replaced certificate is for new connections, and those that stand live on", async () => {
  const context = new TlsContext(LOCALHOST);
  const listener = await listenTls(ANY, echo, { tls: context });
  const old = await shake(listener);
  context.replace(OTHER);
  const fresh = await shake(listener);
  assert.deepEqual([old.name, fresh.name], ["localhost", "other.test"]);
  assert.equal(await answer(old.socket, "old"), "old");
  assert.equal(await answer(fresh.socket, "new"), "new");
  old.socket.destroy();
  fresh.socket.destroy();
  await listener.close();
  context.replace(LOCALHOST);
  const again = await listenTls(ANY, echo, { tls: context });
  const last = await shake(again);
  assert.equal(last.name, "localhost");
  last.socket.destroy();
  await again.close();
});

test("a replacement that cannot be used is refused, and the certificate stays", async () => {
  const context = new TlsContext(LOCALHOST);
  const listener = await listenTls(ANY, echo, { tls: context });
  assert.throws(() => context.replace({ key: OTHER.key, cert: LOCALHOST.cert }), has("USE_BAD_OPTION"));
  assert.throws(() => context.replace({ cert: "rubbish" }), has("USE_BAD_OPTION"));
  const { socket, name } = await shake(listener);
  assert.equal(name, "localhost");
  socket.destroy();
  await listener.close();
});

test("the name asked for chooses the certificate (SNI)", async () => {
  const other = tls.createSecureContext(OTHER);
  const SNICallback: tls.TlsOptions["SNICallback"] = (name, done) => {
    done(null, name === "other.test" ? other : undefined);
  };
  const listener = await listenTls(ANY, echo, { tls: { ...LOCALHOST, SNICallback } });
  for (const expected of ["localhost", "other.test"]) {
    const { socket, name } = await shake(listener, expected);
    assert.equal(name, expected);
    socket.destroy();
  }
  const near = await dialTls(listener.address, undefined, { ...TRUST, servername: "other.test" });
  near.destroy();
  await listener.close();
});

test("a failed handshake is told to onError, and the listener lives", async () => {
  let told: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (told = resolve));
  const listener = await listenTls(ANY, echo, { tls: LOCALHOST, onError: (error) => told(error) });
  const stranger = net.connect(portOf(listener), "127.0.0.1");
  stranger.on("error", () => {}).write("GET / HTTP/1.1\r\n\r\n");
  has("NET_TLS")(await failed);
  const { socket } = await shake(listener);
  assert.equal(await answer(socket, "hello"), "hello");
  socket.destroy();
  stranger.destroy();
  await listener.close();
});

test("a peer that leaves during the handshake is told to onError at once, and needs nobody to hear of it", {
  timeout: 9_000,
}, async () => {
  let told: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (told = resolve));
  const listener = await listenTls(ANY, echo, { tls: LOCALHOST, onError: (error) => told(error) });
  net.connect(portOf(listener), "127.0.0.1").end();
  has("NET_TLS")(await failed);
  await listener.close();
  const deaf = await listenTls(ANY, echo, { tls: LOCALHOST });
  const stranger = net.connect(portOf(deaf), "127.0.0.1");
  stranger.on("error", () => {}).end("no handshake");
  await once(stranger, "close");
  await deaf.close();
});

test("a handshake that stalls is cut", async () => {
  let told: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (told = resolve));
  const options = { tls: { ...LOCALHOST, handshakeTimeout: 30 }, onError: (error: Error) => told(error) };
  const listener = await listenTls(ANY, echo, options);
  const stranger = net.connect(portOf(listener), "127.0.0.1");
  stranger.resume();
  has("NET_TLS")(await failed);
  await once(stranger, "end");
  stranger.destroy();
  await listener.close();
});

/** Counts the handshakes that are under way, and lets in so many. */
function counter(most: number): { readonly begin: () => boolean; readonly end: () => void; readonly most: number[] } {
  let now = 0;
  const seen: number[] = [];
  return {
    most: seen,
    begin: () => {
      if (now >= most) return false;
      seen.push(++now);
      return true;
    },
    end: () => void seen.push(--now),
  };
}

test("a handshake counts from accept to its end, done, failed or cut; one that is not let in is closed before it", async () => {
  let failed = (): void => {};
  const failing = new Promise<void>((resolve) => (failed = resolve));
  const handshakes = counter(2);
  const accepted: Transport[] = [];
  const listener = await listenTls(ANY, (transport) => void accepted.push(transport), {
    tls: LOCALHOST,
    handshakes,
    onError: () => failed(),
  });
  const silent = net.connect(portOf(listener), "127.0.0.1");
  while (handshakes.most.length < 1) await once(silent, "connect");
  const { socket } = await shake(listener);
  while (accepted.length < 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(handshakes.most, [1, 2, 1], "done");
  const stranger = net.connect(portOf(listener), "127.0.0.1");
  stranger.on("error", () => {}).write("GET / HTTP/1.1\r\n\r\n");
  await failing;
  while (handshakes.most.length < 5) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(handshakes.most.slice(3), [2, 1], "failed");
  const second = net.connect(portOf(listener), "127.0.0.1");
  while (handshakes.most.length < 6) await new Promise((resolve) => setImmediate(resolve));
  const third = net.connect(portOf(listener), "127.0.0.1");
  await new Promise((resolve) => third.on("error", resolve).on("end", resolve).resume());
  assert.deepEqual(handshakes.most.slice(5), [2], "the third was not let in");
  const cut = [silent, second].map(
    (each) => new Promise((resolve) => each.on("error", resolve).on("end", resolve).resume()),
  );
  await listener.close();
  await Promise.all(cut);
  while (handshakes.most.length < 8) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(handshakes.most.slice(6), [1, 0], "cut");
  for (const each of [silent, second, third, stranger, socket]) each.destroy();
  for (const each of accepted) each.destroy();
});

test("a handshake that close() ends is told to nobody: it did not fail", async () => {
  const told: Error[] = [];
  const handshakes = counter(1);
  const listener = await listenTls(ANY, echo, { tls: LOCALHOST, handshakes, onError: (error) => told.push(error) });
  const silent = net.connect(portOf(listener), "127.0.0.1");
  while (handshakes.most.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const cut = once(silent.resume(), "end");
  await listener.close();
  await cut;
  assert.deepEqual(told, []);
});

test("a dial says whether there was nobody, nobody to be trusted, or nobody who answers", async () => {
  const listener = await listenTls(ANY, echo, { tls: LOCALHOST });
  await assert.rejects(dialTls(listener.address), has("NET_TLS"));
  await assert.rejects(dialTls(listener.address, undefined, { ...TRUST, servername: "x.test" }), has("NET_TLS"));
  await listener.close();
  await assert.rejects(dialTls(listener.address, undefined, TRUST), has("NET_CONNECT"));
  const silent = await listen(ANY, (transport) => transport.open(quiet));
  await assert.rejects(dialTls(silent.address, undefined, { ...TRUST, handshakeTimeout: 30 }), has("NET_TLS"));
  const stop = new AbortController();
  const waiting = dialTls(silent.address, stop.signal, TRUST);
  stop.abort();
  await assert.rejects(waiting, has("NET_CONNECT"));
  await silent.close();
});

test("a certificate that cannot be used, or none, is the caller's mistake", async () => {
  const bad = { key: OTHER.key, cert: LOCALHOST.cert };
  await assert.rejects(listenTls(ANY, echo, { tls: bad }), has("USE_BAD_OPTION"));
  await assert.rejects(listenTls(ANY, echo), has("USE_BAD_OPTION"));
});

test("bytes that come with the end of the handshake are told first", async () => {
  for (const patience of ["at once", "later"] as const) {
    let told: (text: string) => void = () => {};
    const got = new Promise<string>((resolve) => (told = resolve));
    const listener = await listenTls(
      ANY,
      (transport) => {
        let text = "";
        const open = (): void => {
          transport.open({
            ...quiet,
            data: (bytes, start, end) => void (text += Buffer.from(bytes.subarray(start, end)).toString()),
            end: () => {
              told(text);
              transport.end();
            },
          });
        };
        if (patience === "at once") open();
        else setImmediate(() => setImmediate(open));
      },
      { tls: LOCALHOST },
    );
    const socket = tls.connect({ host: "127.0.0.1", port: portOf(listener), ...TRUST });
    socket.write("sent before the handshake was done, "); // Node queues it, and sends it with its last flight
    socket.end("and the end");
    socket.resume();
    assert.equal(await got, "sent before the handshake was done, and the end");
    await listener.close();
  }
});
