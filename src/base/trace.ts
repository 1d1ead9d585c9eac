// The points at which Portico can be watched: node:diagnostics_channel, one channel each. A point that nobody listens to
// costs one property read. What is published are the live objects, to be looked at and not to be kept or changed.
import { type Channel, channel } from "node:diagnostics_channel";

/** What each point carries. */
export interface TracePoints {
  /** A server listens. */
  readonly listening: { readonly server: object; readonly addresses: readonly object[] };
  /** A connection was accepted. */
  readonly connection: { readonly connection: object };
  /** A head was read; the handler is called next. */
  readonly request: { readonly request: object; readonly connection: object };
  /** The last byte of a reply was handed to the transport. */
  readonly reply: {
    readonly request: object;
    readonly status: number;
    readonly bytes: number;
    readonly elapsed: number;
    /** Its head could not be read: the request stands in for it. */
    readonly unread?: true;
  };
  /** Something failed: a handler, the peer or the transport. */
  readonly error: { readonly error: unknown; readonly request: object | undefined };
  /** A connection is over. */
  readonly close: { readonly connection: object; readonly error: Error | undefined };
}

export type TraceName = keyof TracePoints;

/** The channels by point; their names are `portico.` and the point. */
export const trace: { readonly [N in TraceName]: Channel } = {
  listening: channel("portico.listening"),
  connection: channel("portico.connection"),
  request: channel("portico.request"),
  reply: channel("portico.reply"),
  error: channel("portico.error"),
  close: channel("portico.close"),
};

/** Publishes at a point; ask `trace[name].hasSubscribers` first where making the message costs. */
export function publish<N extends TraceName>(name: N, message: TracePoints[N]): void {
  trace[name].publish(message);
}
