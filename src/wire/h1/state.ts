// The life of one exchange on an HTTP/1 connection, as two tables that read like RFC 9112. The file knows the roles client
// and server, and not which of them we are. docs/states.md is printed from the tables.
import type { EventType, Role, State } from "../events.ts";

type Row = Readonly<Partial<Record<EventType, State>>>;
type Table = Readonly<Record<State, Row>>;

/** What each role may say in each state, and the state it is in afterwards. A blank is an error of that role. */
export const TABLES: Readonly<Record<Role, Table>> = {
  client: {
    idle: { request: "send-body", closed: "closed" },
    "send-response": {},
    "send-body": { data: "send-body", end: "done" },
    done: { closed: "closed" },
    "must-close": { closed: "closed" },
    closed: { closed: "closed" },
    "might-switch": { closed: "closed" },
    switched: {},
    error: {},
  },
  server: {
    // `request` is the client's event: it is what moves the server. A server may also answer from idle, as it does when it
    // could not read the request.
    idle: { request: "send-response", response: "send-body", closed: "closed" },
    "send-response": { informational: "send-response", response: "send-body" },
    "send-body": { data: "send-body", end: "done" },
    done: { closed: "closed" },
    "must-close": { closed: "closed" },
    closed: { closed: "closed" },
    "might-switch": {},
    switched: {},
    error: {},
  },
};

/** What the pair of states, client's and server's, makes of one of them. */
export const JOINT: Readonly<Partial<Record<State, Partial<Record<State, readonly [role: Role, to: State]>>>>> = {
  "might-switch": { switched: ["client", "switched"] },
  // A peer that has left, or that cannot be understood, gets its answer, and no more.
  closed: { done: ["server", "must-close"], idle: ["server", "must-close"] },
  error: { done: ["server", "must-close"] },
  done: { closed: ["client", "must-close"], error: ["client", "must-close"] },
  idle: { closed: ["client", "must-close"] },
};

/** One request and one response on a connection, and what becomes of the connection after them. */
export class Cycle {
  client: State = "idle";
  server: State = "idle";
  /** Whether another exchange may follow (RFC 9112 §9.3). */
  keepAlive = true;
  /** Whether the request proposed another protocol, or a tunnel (RFC 9110 §7.8, §9.3.6). */
  proposed = false;

  /** The role says this. False: it may not, now. */
  step(role: Role, event: EventType): boolean {
    const to = TABLES[role][this[role]][event];
    if (to === undefined) return false;
    this[role] = to;
    if (event === "request") this.server = TABLES.server[this.server].request ?? this.server;
    if (event !== "data") this.#settle();
    return true;
  }

  /** The server takes the proposal up. */
  accept(): void {
    this.server = "switched";
    this.#settle();
  }

  /** The server goes on in HTTP: whatever was proposed is off. */
  decline(): void {
    this.proposed = false;
    if (this.client === "might-switch") this.client = "done";
    this.#settle();
  }

  /** What the role sent cannot be understood, or could not be sent: nothing more is read or written there. */
  fail(role: Role): void {
    this.keepAlive = false;
    this[role] = "error";
    this.#settle();
  }

  /** Both are done, and the connection lives: begin again. */
  recycle(): void {
    this.client = "idle";
    this.server = "idle";
    this.proposed = false;
  }

  #settle(): void {
    if (this.client === "done" && this.proposed) this.client = "might-switch";
    if (!this.keepAlive) {
      if (this.client === "done") this.client = "must-close";
      if (this.server === "done") this.server = "must-close";
    }
    const change = JOINT[this.client]?.[this.server];
    if (change !== undefined) this[change[0]] = change[1];
  }
}
