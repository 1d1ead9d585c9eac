// What a wire machine makes of octets, as lines of text that can be compared. The octets lie in a buffer that is overwritten
// as soon as the machine has asked for more, as a shared read buffer is: who keeps a view of it shows.
import { RemoteError } from "../base/errors.ts";
import { Fields, type ReadonlyFields } from "../message/fields.ts";
import { END, type WireEvent } from "../wire/events.ts";
import type { H1Machine } from "../wire/h1/machine.ts";
import { escaped } from "./escape.ts";
import type { Chance } from "./random.ts";

/** A piece of input; null is the peer's FIN. */
export type Piece = string | null;

const OFFSET = 7;
const shared = Buffer.alloc(OFFSET + 131_072, 0xdd);

/**
 * Feeds pieces to a machine and tells what it made of them, one line an event; data that come in pieces are joined, so that
 * the lines do not depend on how the input was cut unless what the machine understood does. A server machine answers each
 * request with an empty 200 (404 to CONNECT), so that the next one is read.
 */
export function feed(machine: H1Machine, pieces: Iterable<Piece>): string[] {
  const telling = new Telling();
  for (const piece of pieces) {
    for (const part of piece === null ? [null] : slices(piece)) {
      give(machine, part);
      drainOrTell(machine, telling);
      shared.fill(0xdd);
    }
  }
  return telling.done();
}

function drainOrTell(machine: H1Machine, telling: Telling): void {
  try {
    drain(machine, telling);
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    telling.line(`error ${error.code} ${error.status}`);
  }
}

function drain(machine: H1Machine, telling: Telling): void {
  for (let event = machine.next(); typeof event !== "string"; event = machine.next()) {
    telling.event(event);
    if (event.type === "closed") return;
    if (event.type === "end" && machine.role === "server") answer(machine);
  }
}

class Telling {
  readonly #lines: string[] = [];
  #body = "";

  event(event: WireEvent): void {
    if (event.type === "data") this.#body += Buffer.from(event.bytes as Uint8Array).toString("latin1");
    else this.line(told(event));
  }

  line(text: string): void {
    if (this.#body !== "") this.#lines.push(`data ${escaped(this.#body)}`);
    this.#body = "";
    this.#lines.push(text);
  }

  done(): string[] {
    if (this.#body !== "") this.#lines.push(`data ${escaped(this.#body)}`);
    return this.#lines;
  }
}

function* slices(octets: string): Generator<string> {
  const most = shared.length - OFFSET;
  for (let at = 0; at < octets.length; at += most) yield octets.slice(at, at + most);
}

function give(machine: H1Machine, part: Piece): void {
  if (part === null) return machine.receive(null);
  shared.write(part, OFFSET, "latin1");
  machine.receive(shared, OFFSET, OFFSET + part.length);
}

function answer(machine: H1Machine): void {
  const status = machine.method === "CONNECT" ? 404 : 200;
  const head = { status, reason: "", version: "1.1", headers: new Fields() } as const;
  machine.send({ type: "response", head, length: 0 }, () => {});
  machine.send(END, () => {});
  if (machine.complete) machine.recycle();
}

function told(event: WireEvent): string {
  switch (event.type) {
    case "request": {
      const { method, target, version, headers } = event.head;
      return `request ${method} ${target} ${version} length=${event.length}${listed(headers)}`;
    }
    case "informational":
      return `informational ${event.head.status}${listed(event.head.headers)}`;
    case "response": {
      const { status, reason, version, headers } = event.head;
      return `response ${status} ${reason} ${version} length=${event.length}${listed(headers)}`;
    }
    case "end":
      return `end${event.trailers === null ? "" : listed(event.trailers)}`;
    default:
      return event.type;
  }
}

function listed(fields: ReadonlyFields): string {
  return Array.from(fields, ([name, value]) => ` | ${name}: ${escaped(value)}`).join("");
}

/** One octet at a time. */
export function bytewise(octets: string): string[] {
  return [...octets];
}

/** Cut at random. */
export function cut(octets: string, chance: Chance): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const size = 1 + chance(Math.max(1, Math.min(octets.length, 64)));
    pieces.push(octets.slice(at, at + size));
    at += size;
  }
  return pieces;
}
