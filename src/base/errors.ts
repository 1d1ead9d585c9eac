// Every error that Portico raises: one table of codes, four classes by whose fault it is. Codes are stable for ever, the
// wording is not. docs/errors.md is generated from this table (tools/print.ts), so each sentence says what happened and
// what to do. What a peer is told of an error is decided by `status` alone: never the message of anything but an HttpError.

interface Row {
  /** The status a server answers with when this reaches it: a NET_ code does when a handler let an upstream's failure pass. */
  readonly status: number;
  /** What happened, and what to do next. */
  readonly text: string;
}

// biome-ignore format: a table, a row an error
const TABLE = {
  // ── WIRE: the peer broke the protocol (RemoteError) ─────────────────────────────────────────────────────────────────
  WIRE_BAD_REQUEST_LINE: { status: 400, text: "The request line is not `method SP target SP version` (RFC 9112 §3)." },
  WIRE_BAD_STATUS_LINE: { status: 502, text: "The status line is not `version SP status SP [reason]` (RFC 9112 §4)." },
  WIRE_METHOD_TOO_LONG: { status: 501, text: "The method is longer than `limits.targetBytes`, and so none that a server could know (RFC 9112 §3)." },
  WIRE_BAD_TARGET: { status: 400, text: "The request target has none of the four forms its method allows (RFC 9112 §3.2)." },
  WIRE_TARGET_TOO_LONG: { status: 414, text: "The request target is longer than `limits.targetBytes`." },
  WIRE_BAD_VERSION: { status: 505, text: "The version is neither HTTP/1.0 nor HTTP/1.1 (RFC 9110 §2.5)." },
  WIRE_BAD_FIELD: { status: 400, text: "A field line breaks the grammar: name, colon, value, CR LF (RFC 9112 §5)." },
  WIRE_BAD_LINE_END: { status: 400, text: "A line ends in a bare CR or a bare LF (RFC 9112 §2.2)." },
  WIRE_FOLDED_FIELD: { status: 400, text: "A field line is folded, which is obsolete (RFC 9112 §5.2); `obsFold: true` accepts it." },
  WIRE_HEAD_TOO_LARGE: { status: 431, text: "A field line, or the head as a whole, is larger than `limits.fieldBytes` or `limits.headBytes`." },
  WIRE_TOO_MANY_FIELDS: { status: 431, text: "There are more field lines than `limits.fields`." },
  WIRE_BAD_HOST: { status: 400, text: "Host is missing, doubled or not `uri-host [\":\" port]` (RFC 9112 §3.2)." },
  WIRE_BAD_LENGTH: { status: 400, text: "Content-Length is not one decimal number below 2^53 (RFC 9112 §6.3)." },
  WIRE_AMBIGUOUS_LENGTH: { status: 400, text: "Content-Length and Transfer-Encoding are both present, or lengths differ: request smuggling (RFC 9112 §6.3)." },
  WIRE_BAD_CODING: { status: 400, text: "Transfer-Encoding is malformed, repeats chunked, does not end in it, or stands in HTTP/1.0 (RFC 9112 §6.1)." },
  WIRE_UNKNOWN_CODING: { status: 501, text: "Transfer-Encoding names a coding other than chunked (RFC 9112 §6.1)." },
  WIRE_BAD_CHUNK: { status: 400, text: "The chunked body is malformed: size, extension, data or line end (RFC 9112 §7.1)." },
  WIRE_BAD_TRAILER: { status: 400, text: "The trailer section is malformed (RFC 9112 §7.1.2)." },
  WIRE_BODY_TOO_LARGE: { status: 413, text: "The body is larger than `limits.streamBytes`." },
  WIRE_EXPECTATION: { status: 417, text: "Expect asks for something other than 100-continue (RFC 9110 §10.1.1)." },
  WIRE_BAD_UPGRADE: { status: 400, text: "A request to upgrade lacks what RFC 9110 §7.8 asks for." },
  WIRE_UNFINISHED: { status: 400, text: "The peer ended its side in the middle of a message." },
  WIRE_TIMEOUT: { status: 408, text: "The peer did not send the head or the body in time; `timeouts.head` and `timeouts.body` set how long it has." },

  // ── USE: the caller broke a rule of the interface (LocalError) ──────────────────────────────────────────────────────
  USE_BAD_FIELD: { status: 500, text: "A field name or value has an octet that HTTP does not allow (CR, LF, NUL, above U+00FF); encode it first." },
  USE_READ_ONLY: { status: 500, text: "The headers of a reply are not written to, because the same reply may answer other requests; make another one with `withFields(reply, (headers) => …)`." },
  USE_BAD_STATUS: { status: 500, text: "A status is an integer from 100 to 999, and a final one is 200 or more." },
  USE_BODY_LENGTH: { status: 500, text: "The body is shorter or longer than the Content-Length that was set; leave the field out and it is computed." },
  USE_BODY_NOT_ALLOWED: { status: 500, text: "This message has no body (HEAD, 1xx, 204, 304), yet data was sent." },
  USE_BAD_BODY: { status: 500, text: "A body is null, a string, bytes, an async iterable of these, or made by a maker of Portico." },
  USE_FRAMING_FIELD: { status: 500, text: "Transfer-Encoding is the engine's to set; give the body, and it chooses the framing." },
  USE_STATE: { status: 500, text: "This may not be sent now: see docs/states.md for what each state allows." },
  USE_NOT_A_REPLY: { status: 500, text: "A handler of the engine returns a Reply (or a promise of one); make it with reply(), text(), html() or json()." },
  USE_STARTED: { status: 500, text: "The response was started already: start() is called once." },
  USE_NOT_STARTED: { status: 500, text: "The response was not started: call start() before write(), flush() or end()." },
  USE_ENDED: { status: 500, text: "The response has ended: nothing can be written after end()." },
  USE_BAD_OPTION: { status: 500, text: "An option has a value that it cannot have." },
  USE_UNSUPPORTED: { status: 500, text: "This Node cannot do what an option asks for; it is refused rather than ignored." },
  USE_BODY_USED: { status: 500, text: "The body has been read already: a body is read once, as bytes, text, json or piece by piece." },
  USE_ALREADY_LISTENING: { status: 500, text: "The server is closing or closed: make a new one, or wait until close() has settled." },
  USE_OPENED: { status: 500, text: "The transport is open already: open() is called once, and once more by a takeover." },
  USE_BAD_PATTERN: { status: 500, text: "A route's pattern is not `[METHOD ][host]/path` with segments `text`, `{name}`, `{name:type}` or, last, `{name...}`." },
  USE_PATTERN_CONFLICT: { status: 500, text: "Two routes match the same request and neither is the more specific; the message names both, and a path." },
  USE_FROZEN: { status: 500, text: "The table of routes was made once and for all; use mux() or exact(), which take routes while they run." },
  USE_TRANSCRIPT: { status: 500, text: "A transcript cannot be read or was not followed; the message names the line." },

  // ── NET: what lies between failed (TransportError) ──────────────────────────────────────────────────────────────────
  NET_CLOSED: { status: 502, text: "The peer has gone: it closed or reset the connection." },
  NET_HALF_CLOSED: { status: 499, text: "The client has ended its side of the connection (FIN): most likely it has disconnected, but it may still read a reply." },
  NET_RESET: { status: 502, text: "The connection was reset, or writing to it failed; `cause` has the system's error." },
  NET_WRITE_TIMEOUT: { status: 504, text: "The peer took nothing for `timeouts.write` milliseconds and was cut off." },
  NET_SHUTDOWN: { status: 503, text: "The server is closing and the deadline of close() has passed." },
  NET_ADDRESS_IN_USE: { status: 500, text: "The address is taken by another program; choose another port or path, or port 0 for any free one." },
  NET_LISTEN: { status: 500, text: "Listening on the address failed; `cause` has the system's error." },
  NET_CONNECT: { status: 502, text: "Connecting to the address failed; `cause` has the system's error." },
  NET_TLS: { status: 502, text: "The TLS handshake failed; `cause` says why." },

  // ── HTTP: a refusal that a handler or the server means (HttpError) ──────────────────────────────────────────────────
  HTTP_REFUSED: { status: 500, text: "A handler refused the request with the status of the error." },
  HTTP_BODY_TOO_LARGE: { status: 413, text: "The body is larger than the limit given to bytes(), text() or json(), that of `bodyLimit()`, or `limits.bodyBytes`." },
  HTTP_BAD_JSON: { status: 400, text: "The body is not JSON." },
  HTTP_BAD_TEXT: { status: 400, text: "The body is no valid text in its charset, which is UTF-8 where none is named." },
  HTTP_BAD_MULTIPART: { status: 400, text: "The body is no multipart/form-data (RFC 7578): boundary, the head of a part, or its end." },
  HTTP_BAD_CODING: { status: 400, text: "The body is not what its Content-Encoding says, or is cut off." },
  HTTP_BAD_PARAMETER: { status: 400, text: "A parameter is missing or not what the handler reads; `issues` names it and says why." },
  HTTP_UNSUPPORTED_TYPE: { status: 415, text: "No content parser is registered for the body's Content-Type, or a coding of it is not known." },
  HTTP_TIMEOUT: { status: 503, text: "The handler did not answer within the time that `timeout()` gives it." },
  HTTP_RATE_LIMITED: { status: 429, text: "The client has sent more requests than `rateLimit()` lets it; Retry-After says when to come again." },
  HTTP_UNAUTHORIZED: { status: 401, text: "The request has no credentials that `basic()` or `bearer()` accepts." },
  HTTP_CROSS_SITE: { status: 403, text: "A page of another site made a browser send a request that changes something; `sameOrigin()` lists who may." },
  HTTP_FORBIDDEN_PEER: { status: 403, text: "The address that the request comes from is not one that `allowPeers()` names." },
  HTTP_WRONG_HOST: { status: 421, text: "The request is for a host that `hostAllowList()` does not name." },
  HTTP_BUSY: { status: 503, text: "As many programs run, or requests are parked, as the pool or the parking lot may hold." },
  HTTP_PROCESS_FAILED: { status: 502, text: "A program that makes a reply could not be started, failed, was stopped by a limit, or wrote what is no answer; `cause` says which." },
  HTTP_OVERLOADED: { status: 503, text: "As many requests as `limits.requests` or `concurrency()` let in are being handled, and nobody more may wait." },
} as const;

/** The codes, their statuses and sentences: what docs/errors.md is printed from. */
export const ERRORS: Readonly<Record<ErrorCode, Row>> = TABLE;

/** A stable name for what went wrong. `WIRE_*` the peer, `USE_*` the caller, `NET_*` what lies between, `HTTP_*` a refusal. */
export type ErrorCode = keyof typeof TABLE;

type CodeOf<Prefix extends string> = Extract<ErrorCode, `${Prefix}_${string}`>;

function describe(code: ErrorCode, detail: string | undefined): string {
  return detail === undefined ? TABLE[code].text : `${TABLE[code].text} ${detail}`;
}

/** The peer broke the protocol. `status` is what a server answers it with. */
export class RemoteError extends Error {
  override readonly name: string = "RemoteError";
  readonly code: CodeOf<"WIRE">;
  readonly status: number;

  /** @param detail which part of the message; may quote the peer, and is never sent to it. */
  constructor(code: CodeOf<"WIRE">, detail?: string) {
    super(describe(code, detail));
    this.code = code;
    this.status = TABLE[code].status;
  }
}

/** The caller broke a rule of the interface: a bug in the program, not in the peer. */
export class LocalError extends Error {
  override readonly name: string = "LocalError";
  readonly code: CodeOf<"USE">;
  readonly status: number;

  constructor(code: CodeOf<"USE">, detail?: string, options?: ErrorOptions) {
    super(describe(code, detail), options);
    this.code = code;
    this.status = TABLE[code].status;
  }
}

/** What lies between the two parties failed. `cause` has the system's error where there is one. */
export class TransportError extends Error {
  override readonly name: string = "TransportError";
  readonly code: CodeOf<"NET">;
  readonly status: number;

  constructor(code: CodeOf<"NET">, detail?: string, options?: ErrorOptions) {
    super(describe(code, detail), options);
    this.code = code;
    this.status = TABLE[code].status;
  }
}

/** A parameter that was wrong, and why, in words for whoever sent it. */
export interface ParameterIssue {
  readonly parameter: string;
  readonly reason: string;
}

export interface HttpErrorOptions extends ErrorOptions {
  readonly code?: CodeOf<"HTTP">;
  readonly fields?: Readonly<Record<string, string>>;
  readonly issues?: readonly ParameterIssue[];
}

/**
 * A refusal that a handler means: thrown, it becomes a reply of that status. The message is the only text of an error
 * that a peer gets to read.
 *
 * @example
 * throw new HttpError(404, "There is no such board.");
 */
export class HttpError extends Error {
  override readonly name: string = "HttpError";
  readonly code: CodeOf<"HTTP">;
  readonly status: number;
  /** Header fields of the reply: Allow, Retry-After, WWW-Authenticate. */
  readonly fields: Readonly<Record<string, string>> | undefined;
  /** What was wrong with which parameter; the peer may read it. */
  readonly issues: readonly ParameterIssue[] | undefined;

  /**
   * @param status 400 to 599.
   * @param message what the peer may read; left out, the reason phrase of the status is used.
   */
  constructor(status: number, message?: string, options: HttpErrorOptions = {}) {
    super(message ?? "", options);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new LocalError("USE_BAD_STATUS", `An HttpError has a status from 400 to 599, not ${status}.`);
    }
    this.code = options.code ?? "HTTP_REFUSED";
    this.status = status;
    // A copy that stays as it is: one refusal may be thrown for many requests.
    this.fields = options.fields && Object.freeze({ ...options.fields });
    this.issues = options.issues;
  }
}

/**
 * What was thrown, as an Error with a name and a message: itself, or one whose `cause` it is. Never throws, whatever the value does
 * when it is asked.
 */
export function asError(value: unknown): Error {
  try {
    if (!(value instanceof Error)) return new Error(String(value), { cause: value });
    if (typeof value.message === "string" && typeof value.name === "string") return value;
    return new Error("What was thrown is an Error without a message.", { cause: value });
  } catch {
    // A proxy that answers nothing, or an object that cannot become text.
    return new Error("What was thrown is no Error and cannot be made text.", { cause: value });
  }
}

/** Whether it is the reason of a signal that the client's FIN has aborted: a reply can still be sent. */
export function isHalfClosed(reason: unknown): boolean {
  return reason instanceof TransportError && reason.code === "NET_HALF_CLOSED";
}

/** Whether something was thrown because its signal has aborted, as Node and `fetch` do. Never throws. */
export function isAbort(value: unknown): boolean {
  try {
    return value instanceof Error && value.name === "AbortError";
  } catch {
    return false;
  }
}
