// multipart/form-data (RFC 7578), part by part as it comes. The library finds boundaries and heads; what is ours is that nothing
// is read before it is asked for, that everything is bounded, and that what is malformed is refused and not skipped.
import type { Readable, Writable } from "node:stream";
import { HttpError, LocalError } from "../base/errors.ts";
import { handledSteps } from "../base/handled.ts";
import { Fields } from "../message/fields.ts";
import { type Inbound, tooLarge } from "../message/reading.ts";
import { hasContent, type Request } from "../message/request.ts";
import { withoutBlanks } from "../message/token.ts";
import { badMultipart, readDisposition } from "./disposition.ts";
import { checkDeclared, decodeBody, mediaType } from "./octets.ts";
import { type Part, type PartSource, ReceivedPart } from "./part.ts";

/** How much a form may have. Octets, and three counts; Infinity for no limit. Beyond any of them 413. */
export interface MultipartLimits {
  /** Fields and files; 1,000. */
  readonly parts?: number;
  /** 1,000. */
  readonly fields?: number;
  /** 100. */
  readonly files?: number;
  /** Of one field; 64 KiB. */
  readonly fieldBytes?: number;
  /** Of one file; 16 MiB. */
  readonly fileBytes?: number;
  /** Of the head of one part; 16 KiB. */
  readonly headerBytes?: number;
  /** Of the whole body; 64 MiB. */
  readonly totalBytes?: number;
}

const LIMITS: Required<MultipartLimits> = {
  parts: 1000,
  fields: 1000,
  files: 100,
  fieldBytes: 65_536,
  fileBytes: 16_777_216,
  headerBytes: 16_384,
  totalBytes: 67_108_864,
};

/** What is given to the library at a time, and so what may wait for who reads the parts. */
const SLICE_BYTES = 65_536;
/** What the library keeps of a head beyond our limit, so that it is seen to be too large. */
const BEYOND_BYTES = 1024;

/**
 * The parts of a form, one after the other, while they arrive. To leave the loop gives up the rest of the body. Where there is no
 * content there are no parts.
 *
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE where the request has no form of this type; 400 HTTP_BAD_MULTIPART where it is
 *   malformed or has no end; 413 HTTP_BODY_TOO_LARGE beyond a limit, for a declared length before anything is read.
 * @throws LocalError USE_BAD_OPTION for a limit that is none.
 *
 * @example
 * for await (const part of parts(request, { fileBytes: 1e9, totalBytes: 2e9 })) {
 *   if (part.filename !== undefined) await (await part.save()).keep(`/srv/in/${crypto.randomUUID()}`);
 * }
 */
export function parts(request: Request, limits: MultipartLimits = {}): AsyncGenerator<Part, undefined> {
  return handledSteps(readParts(request, limits));
}

async function* readParts(request: Request, limits: MultipartLimits): AsyncGenerator<Part, undefined, undefined> {
  const bounds = bounded(limits);
  if (!(await hasContent(request))) return;
  const boundary = boundaryOf(request);
  checkDeclared(request, bounds.totalBytes);
  const { body } = decodeBody(request, bounds.totalBytes);
  const { Dicer } = await import("@fastify/busboy");
  const config: DicerConfig = {
    boundary,
    maxHeaderSize: bounds.headerBytes + BEYOND_BYTES,
    maxHeaderPairs: MOST_PAIRS,
  };
  const form = new Multipart(request, body, new Dicer(config), bounds);
  try {
    for (let part = await form.next(); part !== null; part = await form.next()) yield part;
  } finally {
    form.leave();
  }
}

// Bounded by the octets of the head.
const MOST_PAIRS = 65_536;

interface DicerConfig {
  readonly boundary: string;
  readonly maxHeaderPairs: number;
  /** The declared types of the library have it not. */
  readonly maxHeaderSize: number;
}

function bounded(limits: MultipartLimits): Required<MultipartLimits> {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(LIMITS, name)) throw new LocalError("USE_BAD_OPTION", `A form has no limit ${name}.`);
    if (typeof value !== "number" || !(value >= 0)) {
      throw new LocalError("USE_BAD_OPTION", `The limit ${name} is a number from 0 on, not ${String(value)}.`);
    }
  }
  return { ...LIMITS, ...limits };
}

function boundaryOf({ headers }: Request): string {
  const type = mediaType(headers.get("content-type"));
  if (type?.essence !== "multipart/form-data") {
    throw new HttpError(415, "A form is wanted here: multipart/form-data.", {
      code: "HTTP_UNSUPPORTED_TYPE",
      fields: { Accept: "multipart/form-data" },
    });
  }
  // RFC 2046 §5.1.1: 70 characters at most; blanks at its end were added on the way, and do not belong to it.
  const boundary = type.params.get("boundary")?.trimEnd() ?? "";
  if (boundary === "" || boundary.length > 70) throw badMultipart("The form has no boundary.");
  return boundary;
}

/** A form while it is read. Pulled from above: octets are taken from the body only while somebody waits for more. */
class Multipart implements PartSource {
  readonly request: Request;
  charset: string | undefined = undefined;
  readonly #body: Inbound;
  readonly #dicer: Writable;
  readonly #bounds: Required<MultipartLimits>;
  #chunks: AsyncIterator<Uint8Array, undefined> | null = null;
  #slices: Uint8Array[] = [];
  /** The library has taken the last slice: it does so when its parts have been read. */
  #taken: Promise<void> = Promise.resolve();
  #take: () => void = () => {};
  #stepping: Promise<void> | null = null;
  #queue: ReceivedPart[] = [];
  #current: ReceivedPart | null = null;
  #counts = { parts: 0, fields: 0, files: 0 };
  #total = 0;
  #head: "none" | "open" | "read" = "none";
  #state: "open" | "closed" | "ended" = "open";
  #error: Error | null = null;

  constructor(request: Request, body: Inbound, dicer: Writable, bounds: Required<MultipartLimits>) {
    this.request = request;
    this.#body = body;
    this.#dicer = dicer;
    this.#bounds = bounds;
    dicer.on("part", (stream: Readable) => this.#part(stream));
    dicer.on("error", (error: Error) => this.#fail(badMultipart("The form has no end.", error)));
    dicer.on("finish", () => this.#close());
    watchHeads(dicer, () => this.#fail(badMultipart("The head of a part is malformed.")));
  }

  /** The next part; null behind the last one. */
  async next(): Promise<ReceivedPart | null> {
    await this.#current?.skip();
    this.#current = null;
    while (this.#error === null && this.#queue.length === 0 && this.#state !== "ended") await this.step();
    // What came whole before something went wrong is not given out: it is refused as one.
    this.check();
    this.#current = this.#queue.shift() ?? null;
    return this.#current;
  }

  /** Nobody wants more. */
  leave(): void {
    if (this.#state === "ended" && this.#error === null) return;
    this.#error ??= new LocalError("USE_BODY_USED", "The loop over the parts of the form was left.");
    this.#queue = [];
    if (this.#body.state !== "done") this.#body.cancel();
    this.#dicer.destroy();
  }

  /** @throws why the form cannot be read further: what was cut off never passes for a whole part. */
  check(): void {
    if (this.#error !== null) throw this.#error;
  }

  limitOf(part: ReceivedPart): number {
    return part.filename === undefined ? this.#bounds.fieldBytes : this.#bounds.fileBytes;
  }

  /** Gives the library the next octets. @throws why that cannot be. */
  async step(): Promise<void> {
    this.check();
    // Two that wait want the same octets.
    this.#stepping ??= this.#feed().finally(() => {
      this.#stepping = null;
    });
    await this.#stepping;
    this.check();
  }

  async #feed(): Promise<void> {
    try {
      await this.#taken;
      const slice = this.#slices.shift() ?? (await this.#read());
      if (slice === null) return await this.#end();
      // RFC 2046 §5.1.1: what stands behind the last boundary is to be ignored, as what stands before the first, which the library drops.
      if (this.#state === "open") {
        this.#taken = new Promise((resolve) => {
          this.#take = resolve;
        });
        this.#dicer.write(slice, () => this.#take());
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #read(): Promise<Uint8Array | null> {
    if (this.#chunks === null)
      this.#chunks = this.#body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    const { done, value } = await this.#chunks.next();
    if (done === true || value === undefined) return null;
    this.#total += value.length;
    if (this.#total > this.#bounds.totalBytes) throw tooLarge("The form is too large.");
    for (let at = SLICE_BYTES; at < value.length; at += SLICE_BYTES) {
      this.#slices.push(value.subarray(at, at + SLICE_BYTES));
    }
    return value.subarray(0, SLICE_BYTES);
  }

  async #end(): Promise<void> {
    if (this.#state === "open") {
      this.#dicer.end();
      // The library says whether it has seen the end in a later tick, and in none where it has not.
      for (let turn = 0; turn < 2 && (this.#state as string) === "open" && this.#error === null; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if ((this.#state as string) === "open") throw badMultipart("The form has no end.");
    }
    this.#state = "ended";
  }

  #close(): void {
    if (this.#head === "open") this.#fail(badMultipart("The head of a part has no end."));
    if (this.#state === "open") this.#state = "closed";
    // The slice that had the end in it is not called taken where it filled the last part.
    this.#take();
  }

  #fail(error: Error): void {
    this.#error ??= error;
  }

  #part(stream: Readable): void {
    stream.on("error", () => {}); // the form as a whole fails with it
    if (this.#head === "open") this.#fail(badMultipart("The head of a part has no end."));
    this.#head = "open";
    this.#count("parts");
    if (this.#error !== null) return;
    stream.once("header", (header: Record<string, readonly string[]>) => {
      this.#head = "read";
      try {
        if (this.#error === null) this.#queue.push(this.#received(stream, header));
      } catch (error) {
        this.#fail(error as Error);
      }
    });
  }

  #received(stream: Readable, header: Record<string, readonly string[]>): ReceivedPart {
    const headers = fieldsOf(header, this.#bounds.headerBytes);
    // Of two, one reader would take the first and another the last.
    if (headers.all("content-disposition").length > 1) throw badMultipart("A part has two Content-Dispositions.");
    const disposition = readDisposition(headers.get("content-disposition"));
    this.#count(disposition.filename === undefined ? "fields" : "files");
    const coding = headers.get("content-transfer-encoding")?.toLowerCase() ?? "binary";
    // RFC 7578 §4.7: no longer used.
    if (!/^(?:7bit|8bit|binary)$/.test(coding)) throw badMultipart("A Content-Transfer-Encoding is not undone here.");
    return new ReceivedPart(this, stream, headers, disposition);
  }

  #count(what: "parts" | "fields" | "files"): void {
    if (++this.#counts[what] > this.#bounds[what]) this.#fail(tooLarge(`The form has too many ${what}.`));
  }
}

interface HeadParser {
  buffer: string;
  /** Whether the head was longer than it may be, and the buffer has its beginning alone. */
  readonly maxed: boolean;
  _parseHeader(): void;
}

const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/;

/**
 * Dicer stops at the first line of a head that is no field, and gives what was before it for the whole: one line without a colon
 * would hide all that follow. So the head is looked at before Dicer does. Its first line is what is left of that of the boundary:
 * nothing, or blanks that were added on the way (RFC 2046 §5.1.1, transport-padding), which Dicer does not know.
 */
function watchHeads(dicer: Writable, malformed: () => void): void {
  const { _hparser: parser } = dicer as Writable & { readonly _hparser: HeadParser };
  const parse = parser._parseHeader;
  parser._parseHeader = () => {
    const [first = "", ...lines] = parser.buffer.split("\r\n");
    const isPadding = withoutBlanks(first) === "";
    if (isPadding) parser.buffer = parser.buffer.slice(first.length);
    const isWrong = lines.some(
      (line, at) => line !== "" && !FIELD_LINE.test(line) && (at === 0 || !/^[ \t]/.test(line)),
    );
    if (!parser.maxed && (isWrong || !isPadding)) malformed();
    parse.call(parser);
  };
}

/** @throws HttpError 400 HTTP_BAD_MULTIPART, 413. */
function fieldsOf(header: Record<string, readonly string[]>, limit: number): Fields {
  let size = 0;
  for (const [name, values] of Object.entries(header)) {
    for (const value of values) size += name.length + value.length + 4;
  }
  if (size > limit) throw tooLarge("The head of a part is too large.");
  const lines = Object.entries(header).flatMap(([name, values]) =>
    values.map((value) => [name, withoutBlanks(value)] as const),
  );
  try {
    return new Fields(lines);
  } catch (cause) {
    throw badMultipart("The head of a part is malformed.", cause);
  }
}
