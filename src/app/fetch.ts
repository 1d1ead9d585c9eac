// A handler under the fetch interface: a web Request in, a web Response out, without a connection of ours. For Bun, Deno, workers
// and whatever else calls `export default { fetch }`.
import { LocalError, RemoteError, TransportError } from "../base/errors.ts";
import type { Peer } from "../base/transport.ts";
import { type Body, FileSlice, Takeover } from "../message/body.ts";
import { destroyStream, discardBody, piecesIn, release } from "../message/discard.ts";
import { Fields } from "../message/fields.ts";
import type { Handler } from "../message/handler.ts";
import { type Inbound, type InboundSource, NO_BODY, ReceivedBody } from "../message/inbound.ts";
import { type ErrorPage, plainPage, refusal } from "../message/refusal.ts";
import type { Reply } from "../message/reply.ts";
import { ReceivedRequest, type Request, type RequestHost } from "../message/request.ts";
import { switchRefused } from "../message/switching.ts";
import { Afterwards } from "../server/afterwards.ts";
import { HEAD_WAIT, type Limits } from "../server/defaults.ts";
import { isEventStream } from "../server/due-head.ts";
import { piecesOf } from "./slice.ts";

export type WebRequest = InstanceType<typeof globalThis.Request>;
export type WebResponse = InstanceType<typeof globalThis.Response>;

/** What the app lends to requests that came by fetch. */
export interface FetchSite {
  readonly handler: Handler;
  readonly errorPage: ErrorPage;
  readonly limits: Pick<Limits, "bodyBytes" | "streamBytes">;
  readonly server: unknown;
  readonly report: (error: unknown, request: Request | undefined) => void;
}

/**
 * Answers a web Request. Never rejects: what fails becomes a Response.
 *
 * @param info what the platform hands over beside it, which says who it is from.
 */
export async function answerFetch(site: FetchSite, received: WebRequest, info: unknown): Promise<WebResponse> {
  const host = new FetchHost(site, received, peerOf(received, info));
  const { request } = host;
  try {
    return await toResponse(await site.handler(request), request, host);
  } catch (error) {
    site.report(error, request);
    return refused(site, error, request, host);
  }
}

/** As by the engine: a page that cannot be sent gives way to the plain one. */
async function refused(site: FetchSite, error: unknown, request: Request, host: FetchHost): Promise<WebResponse> {
  try {
    return await toResponse(host.refusal(error, request), request, host);
  } catch (failure) {
    site.report(failure, request);
    return toResponse(refusal(plainPage, failure, request), request, host);
  }
}

/** What Bun hands over, its server; and what Deno does. */
interface Info {
  readonly requestIP?: (request: WebRequest) => { readonly address?: unknown; readonly port?: unknown } | null;
  readonly remoteAddr?: { readonly hostname?: unknown; readonly port?: unknown };
}

/** Who a request is from, where the platform says so; of a unix socket it says a path, or nothing. */
function peerOf(received: WebRequest, info: unknown): Peer {
  const { address, port } = addressOf(received, info);
  return {
    address: typeof address === "string" ? address : "",
    port: typeof port === "number" ? port : 0,
    secure: received.url.startsWith("https:"),
  };
}

function addressOf(received: WebRequest, info: unknown): { readonly address?: unknown; readonly port?: unknown } {
  if (typeof info !== "object" || info === null) return {};
  try {
    const { requestIP, remoteAddr } = info as Info;
    if (typeof requestIP === "function") return requestIP.call(info, received) ?? {};
    return { address: remoteAddr?.hostname, port: remoteAddr?.port };
  } catch {
    return {}; // another platform's, that only looks like one of the two
  }
}

/** The host is that of the URL, which whoever called has seen; it stands for a target in absolute-form (RFC 9112 §3.2.2). */
function headOf({ url, method, headers }: WebRequest): ConstructorParameters<typeof ReceivedRequest>[0] {
  const { host, pathname, search } = new URL(url);
  const fields = new Fields(headers).set("Host", host);
  return { method, target: `${pathname}${search}`, version: "1.1", headers: fields };
}

class FetchHost implements RequestHost {
  readonly peer: Peer;
  readonly signal: AbortSignal;
  readonly request: ReceivedRequest;
  readonly #site: FetchSite;
  readonly #received: WebRequest;
  #body: Inbound | null = null;
  #state: "open" | "over" = "open";
  readonly #afterwards: Afterwards;

  constructor(site: FetchSite, received: WebRequest, peer: Peer) {
    this.#site = site;
    this.#received = received;
    this.peer = peer;
    this.signal = received.signal;
    this.request = new ReceivedRequest(headOf(received), this);
    this.#afterwards = new Afterwards((error) => this.report(error));
  }

  get server(): unknown {
    return this.#site.server;
  }

  get body(): Inbound {
    this.#body ??=
      this.#received.body === null
        ? NO_BODY
        : new Pump(this.#received.body, this.request.headers, this.#site.limits).body;
    return this.#body;
  }

  /** Fetch has no informational answers. */
  inform(): boolean {
    return false;
  }

  /** Whoever calls fetch keeps the time. */
  deadlines(): void {}

  /** Who calls fetch has no connection of ours to end. */
  leaveOnFin(): void {}

  /** Whoever calls fetch gives no handler up. */
  whenGivenUp(): () => void {
    return () => {};
  }

  afterwards(run: () => unknown): void {
    this.#afterwards.add(run);
    if (this.#state === "over") this.#afterwards.run();
  }

  /** The reply has been given away as a whole, or nobody wants the rest. */
  over(): void {
    this.#state = "over";
    // Nobody reads the rest of what was sent: who sends it is told.
    if (this.#body !== null) this.#body.cancel();
    else if (!this.#received.bodyUsed) this.#received.body?.cancel().catch(() => {});
    this.#afterwards.run();
  }

  report(error: unknown): void {
    this.#site.report(error, this.request);
  }

  refusal(error: unknown, request: Request): Reply {
    return refusal(this.#site.errorPage, error, request, (failure) => this.report(failure));
  }
}

/** Bytes, where a request declares them. */
function declaredLength(headers: Fields): number | undefined {
  const declared = Number(headers.get("content-length") ?? Number.NaN);
  return Number.isSafeInteger(declared) && declared >= 0 ? declared : undefined;
}

/** The body of a web Request, read as it is asked for, and no more of it than a connection would take. */
class Pump implements InboundSource {
  readonly body: Inbound;
  readonly bodyBytes: number;
  readonly headers: Fields;
  readonly #received: ReceivedBody;
  readonly #most: number;
  readonly #chunks: { read(): Promise<{ done: boolean; value?: Uint8Array }>; cancel(): Promise<void> };
  #state: "idle" | "busy" | "over" = "idle";
  #size = 0;

  constructor(
    stream: NonNullable<WebRequest["body"]>,
    headers: Fields,
    { bodyBytes, streamBytes }: FetchSite["limits"],
  ) {
    const length = declaredLength(headers);
    this.bodyBytes = bodyBytes;
    this.headers = headers;
    this.#most = streamBytes;
    this.#chunks = stream.getReader();
    this.#received = new ReceivedBody(length, this);
    this.body = this.#received;
    if ((length ?? 0) > streamBytes) this.#fail(new RemoteError("WIRE_BODY_TOO_LARGE"));
  }

  wanted(): void {
    void this.#pump();
  }

  room(): void {
    void this.#pump();
  }

  unwanted(): void {
    this.#state = "over";
    this.#chunks.cancel().catch(() => {});
  }

  async #pump(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "busy";
    try {
      while (await this.#step());
      if (this.#state === "busy") this.#state = "idle";
    } catch (cause) {
      this.#fail(cause instanceof RemoteError ? cause : new TransportError("NET_CLOSED", undefined, { cause }));
    }
  }

  /** @returns whether there is room for more. */
  async #step(): Promise<boolean> {
    const { done, value } = await this.#chunks.read();
    if (done || value === undefined) {
      this.#state = "over";
      this.#received.end(null);
      return false;
    }
    this.#size += value.length;
    if (this.#size > this.#most) throw new RemoteError("WIRE_BODY_TOO_LARGE");
    return this.#received.feed(value);
  }

  #fail(error: Error): void {
    this.unwanted();
    this.#received.fail(error);
  }
}

const BODILESS = new Set([204, 205, 304]);

async function toResponse(reply: Reply, request: Request, host: FetchHost): Promise<WebResponse> {
  const { status, headers, extras, body } = reply;
  const statusText = extras?.reason;
  const init = { status, headers: [...headers] as [string, string][], ...(statusText !== undefined && { statusText }) };
  try {
    if (body instanceof Takeover) {
      throw switchRefused(request, reply) ?? new LocalError("USE_UNSUPPORTED", "fetch cannot hand a connection over.");
    }
    if (request.method !== "HEAD" && !BODILESS.has(status)) {
      const response = new globalThis.Response(await webBody(body, reply, host), init);
      if (body === null || typeof body === "string" || body instanceof Uint8Array) host.over();
      return response;
    }
    const response = new globalThis.Response(null, init);
    discardBody(body); // whoever writes it would wait for a reader for ever
    host.over();
    return response;
  } catch (error) {
    discardBody(body);
    throw error;
  }
}

type WebBody = ConstructorParameters<typeof globalThis.Response>[0];

function webBody(body: Exclude<Body, Takeover>, reply: Reply, host: FetchHost): WebBody | Promise<WebBody> {
  if (body === null || typeof body === "string") return body;
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  return webStream(body instanceof FileSlice ? piecesOf(body) : body, reply, host);
}

/**
 * Pulled piece by piece: a reader that stops stops the producer, and one that leaves ends it. The first piece is waited for, as by
 * the engine, so that what fails before it has a status of its own.
 */
async function webStream(body: AsyncIterable<Uint8Array | string>, reply: Reply, host: FetchHost): Promise<WebBody> {
  const pieces = piecesIn(body);
  let first: Promise<Uint8Array | null> | null = nextPiece(pieces);
  first.catch(() => {}); // it is awaited here, or when the first piece is pulled
  if (!isEventStream(reply)) await headWait(first);
  return new globalThis.ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await (first ?? nextPiece(pieces));
          first = null;
          if (bytes !== null) return controller.enqueue(bytes);
          host.over();
          controller.close();
        } catch (error) {
          host.over();
          host.report(error);
          throw error;
        }
      },
      cancel() {
        host.over();
        if (!destroyStream(body)) release(() => pieces); // a source that is silent would hold up whoever leaves
      },
    },
    { highWaterMark: 0 },
  );
}

/** Until the first piece is there, but not longer than the head of a reply waits for it. @throws what it fails with. */
async function headWait(first: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let arm: NodeJS.Immediate | undefined;
  const late = new Promise<void>((resolve) => {
    arm = setImmediate(() => {
      timer = setTimeout(resolve, HEAD_WAIT);
    });
  });
  try {
    await Promise.race([first, late]);
  } finally {
    clearImmediate(arm);
    clearTimeout(timer);
  }
}

/** The next piece that has something in it; null behind the last. @throws LocalError USE_BAD_BODY; what the producer throws. */
async function nextPiece(pieces: AsyncIterator<Uint8Array | string>): Promise<Uint8Array | null> {
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return null;
    if (typeof value !== "string" && !((value as unknown) instanceof Uint8Array)) {
      release(() => pieces);
      throw new LocalError("USE_BAD_BODY", "A chunk is a string or bytes.");
    }
    if (value.length > 0) return typeof value === "string" ? Buffer.from(value) : value;
  }
}
