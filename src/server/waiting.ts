// What a connection waits for, and until when: it has one deadline, which follows from where it stands. What becomes of it when the
// time is up, the connection knows.
import { NEVER, type Watched } from "./deadlines.ts";
import { bodyDue, type Paced } from "./pace.ts";
import type { Settings, Site } from "./site.ts";

/** "reply": the client may have disconnected, and no reply has begun. "drain": we have sent our FIN, and wait for the client's. */
export type Reason = "head" | "body" | "idle" | "write" | "reply" | "drain" | "none";

/** What of an exchange concerns the time of its connection. */
export interface Awaited {
  readonly incoming: Paced | null;
  readonly reading: "body" | "discard" | "done";
  /** Whether nobody may be waiting for its reply any more, which has not begun. */
  readonly abandoned: boolean;
}

/** Where a connection stands, as far as its time is concerned. */
export interface Waiting extends Watched {
  readonly site: Site;
  readonly settings: Settings;
  /** What the deadline is for. */
  reason: Reason;
  /** Octets of the body that had come when its deadline was set. */
  fed: number;
  /** Octets that the system had taken when the deadline to write was set. */
  taken: number;
  readonly phase: "idle" | "active" | "draining" | "closed";
  /** What has ended: nothing; our side, by a FIN; or HTTP, by a takeover. */
  readonly ended: "no" | "ours" | "taken";
  /** Why the transport is not read: the body's reader is full, or enough pipelined requests wait. */
  readonly held: "no" | "body" | "ahead";
  readonly exchange: Awaited | null;
  readonly inHead: boolean;
  readonly awaitsContinue: boolean;
  readonly writable: boolean;
  /** Octets that the system has taken of what was written. */
  readonly gone: number;
  /** Milliseconds that the client may take nothing. */
  readonly writeTimeout: number;
}

/** Sets the deadline that follows from where the connection stands. One for the same thing stays, unless there was progress. */
export function setDeadline(connection: Waiting): void {
  if (connection.phase === "closed" || connection.ended === "taken") return;
  const { timeouts } = connection.settings;
  const { exchange } = connection;
  if (!connection.writable) {
    if (connection.reason !== "write") awaitWriting(connection);
  } else if (connection.ended === "ours") {
    if (connection.reason !== "drain") wait(connection, "drain", timeouts.drain);
  } else if (exchange !== null) {
    if (exchange.abandoned) {
      if (connection.reason !== "reply") wait(connection, "reply", timeouts.drain);
    } else awaitBody(connection, exchange);
  } else if (connection.inHead) {
    if (connection.reason !== "head") wait(connection, "head", timeouts.head);
  } else wait(connection, "idle", timeouts.idle);
}

/** Sets a deadline. */
export function wait(connection: Waiting, reason: Reason, milliseconds: number): void {
  connection.reason = reason;
  connection.deadline = connection.site.deadlines.in(milliseconds);
}

/** Whether the system has taken anything since the deadline to write was set: then it is set anew. */
export function isTaking(connection: Waiting): boolean {
  if (connection.gone <= connection.taken) return false;
  awaitWriting(connection);
  return true;
}

function awaitWriting(connection: Waiting): void {
  connection.taken = connection.gone;
  wait(connection, "write", connection.writeTimeout);
}

function awaitBody(connection: Waiting, { incoming, reading }: Awaited): void {
  // A body that is held back waits for its reader, and 100 Continue for us: neither is the peer's time.
  if (incoming === null || reading === "done" || connection.held === "body" || connection.awaitsContinue) {
    incoming?.pace?.hold();
    connection.reason = "none";
    connection.deadline = NEVER;
  } else if (connection.reason !== "body" || incoming.fed !== connection.fed) {
    connection.reason = "body";
    connection.fed = incoming.fed; // the octets of chunk lines and extensions are no progress
    connection.deadline = bodyDue(incoming, connection.settings, connection.site.deadlines);
  }
}
