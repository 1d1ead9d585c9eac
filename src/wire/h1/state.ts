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

// The tables above are what is true; below they are put into bytes, because a step over strings costs 40 ns and one over
// bytes 3, and a request takes five of them.
const STATES: readonly State[] = Object.keys(TABLES.client) as State[];
const EVENTS: readonly EventType[] = ["request", "informational", "response", "data", "end", "closed"];
const WIDTH = 8;
const REFUSED = 255;
const UNCHANGED = 255;

/** A state or an event as its number. */
const numberOf = (state: State): number => STATES.indexOf(state);

function stepsOf(table: Table): Uint8Array {
  const steps = new Uint8Array(STATES.length * WIDTH).fill(REFUSED);
  for (const [at, state] of STATES.entries()) {
    for (const [event, type] of EVENTS.entries()) {
      const to = table[state][type];
      if (to !== undefined) steps[at * WIDTH + event] = numberOf(to);
    }
  }
  return steps;
}

// What becomes of the client, and of the server, by client state and server state.
function jointOf(role: Role): Uint8Array {
  const changes = new Uint8Array(STATES.length * STATES.length).fill(UNCHANGED);
  for (const [client, row] of Object.entries(JOINT)) {
    for (const [server, [changed, to]] of Object.entries(row)) {
      const at = numberOf(client as State) * STATES.length + numberOf(server as State);
      if (changed === role) changes[at] = numberOf(to);
    }
  }
  return changes;
}

const CLIENT_STEPS = stepsOf(TABLES.client);
const SERVER_STEPS = stepsOf(TABLES.server);
const JOINT_CLIENT = jointOf("client");
const JOINT_SERVER = jointOf("server");
const IDLE = numberOf("idle");
const DONE = numberOf("done");
const MUST_CLOSE = numberOf("must-close");
const MIGHT_SWITCH = numberOf("might-switch");
const SWITCHED = numberOf("switched");
const ERROR = numberOf("error");

/** The events, as a machine names them to its cycle. */
export const REQUEST = 0;
export const INFORMATIONAL = 1;
export const RESPONSE = 2;
export const DATA = 3;
export const ENDED = 4;
export const CLOSED = 5;

/** One request and one response on a connection, and what becomes of the connection after them. */
export class Cycle {
  /** Whether another exchange may follow (RFC 9112 §9.3). */
  keepAlive = true;
  /** Whether the request proposed another protocol, or a tunnel (RFC 9110 §7.8, §9.3.6). */
  proposed = false;
  #client = IDLE;
  #server = IDLE;

  get client(): State {
    return STATES[this.#client] as State;
  }

  get server(): State {
    return STATES[this.#server] as State;
  }

  /** Whether both sides are done and the next exchange may begin. */
  get complete(): boolean {
    return this.#client === DONE && this.#server === DONE;
  }

  /** The client says this. False: it may not, now. */
  stepClient(event: number): boolean {
    const to = CLIENT_STEPS[this.#client * WIDTH + event] as number;
    if (to === REFUSED) return false;
    this.#client = to;
    if (event === DATA) return true;
    if (event === REQUEST) this.#server = SERVER_STEPS[this.#server * WIDTH + REQUEST] as number;
    this.#settle();
    return true;
  }

  /** The server says this. False: it may not, now. */
  stepServer(event: number): boolean {
    const to = SERVER_STEPS[this.#server * WIDTH + event] as number;
    if (to === REFUSED) return false;
    this.#server = to;
    if (event !== DATA) this.#settle();
    return true;
  }

  /** The server takes the proposal up. */
  accept(): void {
    this.#server = SWITCHED;
    this.#settle();
  }

  /** The server goes on in HTTP: whatever was proposed is off. */
  decline(): void {
    if (!this.proposed) return;
    this.proposed = false;
    if (this.#client === MIGHT_SWITCH) this.#client = DONE;
    this.#settle();
  }

  /** What the role sent cannot be understood, or could not be sent: nothing more is read or written there. */
  fail(role: Role): void {
    this.keepAlive = false;
    if (role === "client") this.#client = ERROR;
    else this.#server = ERROR;
    this.#settle();
  }

  /** Both are done, and the connection lives: begin again. */
  recycle(): void {
    this.#client = IDLE;
    this.#server = IDLE;
    this.proposed = false;
  }

  #settle(): void {
    if (this.#client === DONE && this.proposed) this.#client = MIGHT_SWITCH;
    if (!this.keepAlive) {
      if (this.#client === DONE) this.#client = MUST_CLOSE;
      if (this.#server === DONE) this.#server = MUST_CLOSE;
    }
    const at = this.#client * STATES.length + this.#server;
    if (JOINT_CLIENT[at] !== UNCHANGED) this.#client = JOINT_CLIENT[at] as number;
    if (JOINT_SERVER[at] !== UNCHANGED) this.#server = JOINT_SERVER[at] as number;
  }
}
