// What all connections of a server share: the handler in force, the settings, the hooks, the counters. And what a protocol is:
// a function from a transport to a living connection.
import type { Clock } from "../base/clock.ts";
import type { Transport } from "../base/transport.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import type { MachineOptions } from "../wire/h1/machine.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Limits, Timeouts } from "./defaults.ts";
import type { Gate } from "./gate.ts";

/** One connection of a running server. */
export interface Connection {
  readonly peer: { readonly address: string; readonly port: number; readonly secure: boolean };
  readonly phase: "idle" | "active" | "draining" | "closed";
  /** When it was accepted: milliseconds since 1970. */
  readonly since: number;
  /** The request in hand. */
  readonly request: Request | undefined;
  /** Octets, both ways. */
  readonly received: number;
  readonly sent: number;
  /** Finishes the exchange in hand, then closes; one that idles closes at once. */
  finish(): void;
  /** Ends it now. The signal of the request in hand aborts with the error. */
  destroy(error?: Error): void;
  /** Keeps the process alive, as it does from the start; or lets it end. */
  ref(): void;
  unref(): void;
}

/** What a server tells about a reply that has been sent. */
export interface ReplyInfo {
  readonly status: number;
  /** Octets of the body as it was sent, without framing. */
  readonly bytes: number;
  /** Milliseconds from the head of the request to the last octet of the reply. */
  readonly elapsed: number;
  /**
   * Present where the head of the request could not be read, and was refused: the request then stands in for it, with the
   * method as far as it was read, an empty target and no fields. No request hook was called for it.
   */
  readonly unread?: true;
}

/**
 * Functions that are called as things happen. What they throw is reported like an error, and changes nothing else. S is the
 * server, which this file does not know.
 */
export interface HooksOf<S> {
  // A method, so that hooks of a known server pass for hooks of any: there is only one kind of server.
  /** Everything listens and nothing has been accepted yet. What this throws makes listen() fail. */
  startup?(server: S): void | Promise<void>;
  readonly connection?: (connection: Connection) => void;
  readonly request?: (request: Request) => void;
  /** The reply has been handed on whole, or was cut short, and then the error hook has said why. */
  readonly reply?: (request: Request, info: ReplyInfo) => void;
  /** A handler has failed, or a peer was refused; the request is undefined where none was understood. */
  readonly error?: (error: unknown, request: Request | undefined) => void;
  readonly close?: (connection: Connection, error: Error | undefined) => void;
}

/** The same for whoever does not look at the server. */
export type Hooks = HooksOf<unknown>;

/** What a connection takes from its server when it is accepted; a change makes a new one, for the connections after it. */
export interface Settings {
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  /** The same as the wire machine takes it. */
  readonly wire: MachineOptions;
  readonly keepAlive: boolean;
  readonly trace: "off" | "echo";
  readonly halfClose: "abort" | "ignore" | "close";
}

/** Numbers since the start. */
export interface Stats {
  /** Requests whose head was understood. */
  requests: number;
  /** Connections that were accepted. */
  connections: number;
  /** Requests that were refused because they were malformed, too large or too slow, and connections beyond their limit. */
  refused: number;
  /** Handlers that failed. */
  failures: number;
}

export interface Site {
  handler: Handler;
  settings: Settings;
  readonly hooks: HooksOf<never>;
  readonly stats: Stats;
  readonly clock: Clock;
  /** When the server was made: milliseconds since 1970. */
  readonly started: number;
  readonly deadlines: Deadlines;
  readonly gate: Gate;
  readonly server: unknown;
  /** Calls the handler: inside an async context where the server was asked for one. */
  readonly call: (request: Request) => Reply | Promise<Reply>;
  readonly refuse: (error: unknown, request: Request | undefined) => Reply;
  /** Whether anybody wants to be told of replies. */
  readonly timed: boolean;
  /** Tells of a request to the hook and the trace. */
  readonly requested: (request: Request, connection: Connection) => void;
  /** Tells of a reply. */
  readonly replied: (request: Request, info: ReplyInfo) => void;
  /** Reports a failure to the hook and the trace. @param reply "cut", where it had begun. Never throws. */
  readonly report: (error: unknown, request: Request | undefined, reply?: "cut") => void;
  /** A connection is over. */
  readonly closed: (connection: Connection, error: Error | undefined) => void;
}

/** Makes a connection of a transport that was accepted. */
export type Protocol = (transport: Transport, site: Site) => Connection;
