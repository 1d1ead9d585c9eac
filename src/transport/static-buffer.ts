// One read buffer for all connections of the process, and how a socket is made to read into it. Node documents that for
// sockets which it has yet to connect (`onread`), not for accepted ones: these get it by the socket's own fields. This is
// the only file that touches them; whoever calls it sees bytes, or is told to use 'data' events instead.
//
// Measured (Node 24): hello +24 %, uploads +75 %, 4.0 KB for an idle connection. PORTICO_READ=data switches it off.
import { Buffer } from "node:buffer";
import { Socket } from "node:net";

/** What receives the bytes of a socket: its transport. */
export interface Reader {
  /** `bytes[start, end)` are valid during the call. False: stop reading. */
  receive(bytes: Uint8Array, start: number, end: number): boolean;
}

/** The one property of ours on a socket: it leads the listeners, which all sockets share, to the transport. */
export const READER: unique symbol = Symbol("portico.reader");

/** A socket that has its transport. */
export type Linked = Socket & { readonly [READER]: Reader };

/** "static": the shared buffer. "data": 'data' events, which is slower and works everywhere. */
export type ReadMode = "static" | "data";

type OnRead = (this: Linked, length: number, bytes: Uint8Array) => boolean;

/** The undocumented part of a socket. Each is tested for before it is used. */
interface Handle {
  reading?: boolean;
  getpeername?(out: { address?: string; port?: number }): number;
  useUserBuffer?(buffer: Uint8Array): void;
}

const SIZE = 65536; // a TLS record is 16 KB, a full pipe of loopback 64 KB; more is not faster

let buffer: Buffer | undefined;
let fields: { readonly buffer: symbol; readonly callback: symbol } | null | undefined;
let forced: ReadMode | undefined;
let poisoned: boolean = process.env["PORTICO_POISON"] === "1";

/** How the sockets of this process are read. */
export function readMode(): ReadMode {
  if ((forced ?? process.env["PORTICO_READ"]) === "data") return "data";
  return probe() === null ? "data" : "static";
}

/** For tests: reads sockets that are opened from now on in this mode; undefined leaves it to PORTICO_READ again. */
export function forceReadMode(mode: ReadMode | undefined): void {
  forced = mode;
}

/** For tests: overwrites the shared buffer after every callback, so that whoever kept a view of it shows. */
export function poison(on: boolean): void {
  poisoned = on;
}

/**
 * Makes a connected socket that is not being read put its bytes into the shared buffer, and hand them to its Reader.
 * The caller still has to resume() it. False if this is not to be had: then the socket is as it was.
 */
export function readIntoStaticBuffer(socket: Linked): boolean {
  const names = readMode() === "static" ? probe() : null;
  const handle = (socket as unknown as { readonly _handle?: Handle | null })._handle;
  if (names === null || typeof handle?.useUserBuffer !== "function" || typeof handle.reading !== "boolean")
    return false;
  const own = socket as unknown as Record<symbol, unknown>;
  if (own[names.buffer] !== null || own[names.callback] !== null) return false;
  buffer ??= Buffer.allocUnsafeSlow(SIZE);
  handle.useUserBuffer(buffer);
  own[names.buffer] = buffer;
  own[names.callback] = onRead;
  return true;
}

/**
 * The symbols under which a socket keeps what `onread` gave it, or null where this Node has none. A socket made with the
 * public option shows which they are: so this proves what they mean, not just that something bears the name.
 */
function probe(): { readonly buffer: symbol; readonly callback: symbol } | null {
  if (fields !== undefined) return fields;
  const bytes = new Uint8Array(1);
  const callback = (): boolean => true;
  const socket = new Socket({ onread: { buffer: bytes, callback } } as object) as unknown as Record<symbol, unknown>;
  const held = (value: unknown) => Object.getOwnPropertySymbols(socket).filter((symbol) => socket[symbol] === value);
  const [buffers, callbacks] = [held(bytes), held(callback)];
  const [first, second] = [buffers[0], callbacks[0]];
  const one = buffers.length === 1 && callbacks.length === 1;
  return (fields = one && first !== undefined && second !== undefined ? { buffer: first, callback: second } : null);
}

// Node calls it with the socket as `this`; what it throws goes where the exception of any listener goes.
const onRead: OnRead = function (this: Linked, length: number, bytes: Uint8Array): boolean {
  const more = this[READER].receive(bytes, 0, length);
  if (poisoned) bytes.fill(0xdd);
  return more;
};

/**
 * Who is at the other end: remoteAddress and remotePort, which keep what they have told in an object for each socket. 70 octets
 * a connection.
 */
export function remoteOf(socket: Socket): Pick<Socket, "remoteAddress" | "remotePort"> {
  const handle = (socket as unknown as { readonly _handle?: Handle | null })._handle;
  const out: { address?: string; port?: number } = {};
  if (readMode() === "data" || handle?.getpeername?.(out) !== 0 || typeof out.address !== "string") return socket;
  return { remoteAddress: out.address, remotePort: out.port };
}

/**
 * Puts a listener in the place of the only one there is. Node's own of "end" is for sockets that end both sides at once; with
 * a second one beside it Node keeps a list, and that is 90 octets a connection. False: nothing was changed.
 */
export function replaceListener(socket: Socket, event: string, listener: (this: never) => void): boolean {
  const listeners = (socket as unknown as { readonly _events?: Record<string, unknown> })._events;
  if (readMode() === "data" || typeof listeners?.[event] !== "function") return false;
  listeners[event] = listener;
  return true;
}
