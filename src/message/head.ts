// The two heads of HTTP, whatever the version on the wire (RFC 9110 §6.2).
import type { Fields, ReadonlyFields } from "./fields.ts";

/** The version of a message, without its `HTTP/`. */
export type Version = "1.0" | "1.1" | "2";

/** The head of a request. */
export interface RequestHead {
  /** Any token, in its case: the wire refuses none, the mux answers 501 to those nobody knows. */
  readonly method: string;
  /** As on the wire, not decoded. */
  readonly target: string;
  readonly version: Version;
  readonly headers: Fields;
}

/** The head of a response, an informational one too. */
export interface ResponseHead {
  /** 100 to 999. */
  readonly status: number;
  /** The reason phrase; may be empty, and means nothing (RFC 9112 §4). */
  readonly reason: string;
  readonly version: Version;
  readonly headers: ReadonlyFields;
}
