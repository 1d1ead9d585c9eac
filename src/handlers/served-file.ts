// One state of one file, with a representation for each coding in which it can be had: as it is, compressed by somebody else and
// lying beside it, or compressed here. Which one a request gets is negotiated; what is made for one request is kept for the next,
// where the octets of the file are kept.
import { HttpError } from "../base/errors.ts";
import { compressed, type Encoding, encoded, isCompressible } from "../content/encoding.ts";
import { encodingFor } from "../content/negotiate.ts";
import { fileSlice } from "../message/body.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import type { Found } from "./below.ts";
import { cacheControlOf, ENDINGS, type Policy } from "./file-options.ts";
import { beingChanged, type FileState, isSameState, openAs, readSmall, tagDigest, validatorsOf } from "./file-state.ts";
import { type Octets, Representation } from "./representation.ts";

/** Files of up to so many octets are read in one go, and may be kept. */
export const SMALL_BYTES = 65_536;

/** Less than this does not become smaller by as much as it costs to decode it. */
const WORTH_BYTES = 1024;

/** What is known of a file before it is read. */
export interface Origin {
  /** Where it is, resolved. */
  readonly path: string;
  readonly state: FileState;
  /** Its path for a client, below the root: its name says the type. */
  readonly shown: string;
  /** What lies beside it, by the ending of its name; null where nothing may be served there. */
  readonly beside: (ending: string) => Promise<Found | null>;
}

const TRIES = 3;

/** A sibling that is not there is looked for once in so many milliseconds. */
const LOOK_AGAIN = 1000;

interface Sibling {
  readonly state: FileState;
  readonly representation: Representation;
}

export class ServedFile {
  readonly state: FileState;
  /** The octets, where they were read; a file of whose bytes nothing is held is read while it is sent. */
  readonly bytes: Uint8Array | null;
  readonly #origin: Origin;
  readonly #policy: Policy;
  readonly #type: string;
  readonly #digest: string | null;
  readonly #negotiable: boolean;
  readonly #plain: Representation;
  /** Compressed here; null where that made it no smaller. */
  readonly #made = new Map<Encoding, Promise<Representation | null>>();
  #siblings: ReadonlyMap<Encoding, Sibling> = new Map();
  #available: readonly Encoding[];
  #lookedAt = Number.NEGATIVE_INFINITY;

  private constructor(origin: Origin, policy: Policy, bytes: Uint8Array | null, digest: string | null) {
    this.state = origin.state;
    this.bytes = bytes;
    this.#origin = origin;
    this.#policy = policy;
    this.#type = policy.typeOf(origin.shown);
    this.#digest = digest;
    const { precompressed, compress } = policy;
    this.#negotiable = precompressed.length + compress.length > 0 && isCompressible(this.#type);
    this.#available = this.#makes ? compress : [];
    this.#plain = this.#represent(bytes === null ? octetsIn(origin.path, origin.state) : { bytes }, this.state);
  }

  /** @throws HttpError 404 where it has gone, 503 where it is another by now. */
  static async of(origin: Origin, policy: Policy): Promise<ServedFile> {
    let { state } = origin;
    let bytes: Uint8Array | null = null;
    // It may change between the look and the reading, and while it is read: then it is looked at again, but not for ever. One that
    // grows each time is served as it was.
    let prefix: Uint8Array | undefined;
    for (let tries = 0; bytes === null && state.size <= SMALL_BYTES; tries++) {
      if (tries === TRIES && prefix === undefined) throw beingChanged();
      if (tries === TRIES) bytes = prefix as Uint8Array;
      else ({ bytes, state, prefix } = await readSmall(origin.path, SMALL_BYTES));
    }
    const digest = await tagDigest(policy.etag, origin.path, state, bytes);
    return new ServedFile({ ...origin, state }, policy, bytes, digest);
  }

  /** The reply to a GET or HEAD. A promise only where there is something to choose from. @throws HttpError 406, 412, 416. */
  answer(request: Request): Reply | Promise<Reply> {
    return this.#negotiable ? this.#negotiated(request) : this.#plain.answer(request);
  }

  /** Octets that are held for it, with what was made of it. */
  get held(): number {
    return (this.bytes?.length ?? 0) * (1 + this.#made.size);
  }

  /** Whether it is compressed here, where nothing lies beside it. */
  get #makes(): boolean {
    return this.#policy.compress.length > 0 && this.#negotiable && this.state.size >= WORTH_BYTES;
  }

  async #negotiated(request: Request): Promise<Reply> {
    if (this.#policy.precompressed.length > 0) await this.#look();
    const encoding = encodingFor(request, this.#available);
    if (encoding === undefined) {
      throw new HttpError(406, "None of the content codings that are accepted can be had.", {
        fields: { Vary: "Accept-Encoding" },
      });
    }
    if (encoding === "identity") return this.#plain.answer(request);
    const sibling = this.#siblings.get(encoding);
    if (sibling !== undefined) return sibling.representation.answer(request);
    // A part of octets that are made for one request would be of no use with a part of those that are made for another.
    if (request.method === "GET" && request.headers.has("range")) return this.#plain.answer(request);
    return ((await this.#compressed(encoding)) ?? this.#plain).answer(request);
  }

  async #look(): Promise<void> {
    const { precompressed, compress } = this.#policy;
    const now = performance.now();
    const again = now - this.#lookedAt >= LOOK_AGAIN;
    if (again) this.#lookedAt = now;
    const looked = precompressed.filter((encoding) => again || this.#siblings.has(encoding));
    if (looked.length === 0) return;
    const found = await Promise.all(looked.map((encoding) => this.#sibling(encoding)));
    const siblings = new Map<Encoding, Sibling>();
    for (const [i, sibling] of found.entries()) if (sibling !== null) siblings.set(looked[i] as Encoding, sibling);
    const made = this.#makes ? compress.filter((encoding) => !siblings.has(encoding)) : [];
    const available = [...siblings.keys(), ...made];
    this.#siblings = siblings;
    // The same list for as long as it says the same: encodingFor() remembers by it.
    if (available.join() !== this.#available.join()) this.#available = available;
  }

  async #sibling(encoding: Encoding): Promise<Sibling | null> {
    const found = await this.#origin.beside(ENDINGS[encoding]);
    if (found === null || !found.stats.isFile() || found.stats.mtimeMs < this.state.mtimeMs) return null;
    const known = this.#siblings.get(encoding);
    const { path, stats } = found;
    if (known !== undefined && isSameState(known.state, stats)) return known;
    const digest = await tagDigest(this.#policy.etag, path, stats, null);
    return { state: stats, representation: this.#represent(octetsIn(path, stats), stats, encoding, digest) };
  }

  #compressed(encoding: Encoding): Promise<Representation | null> {
    const known = this.#made.get(encoding);
    if (known !== undefined) return known;
    const made = this.#compress(encoding);
    this.#made.set(encoding, made);
    made.catch(() => this.#made.delete(encoding));
    return made;
  }

  async #compress(encoding: Encoding): Promise<Representation | null> {
    const { bytes, state } = this;
    const { path } = this.#origin;
    if (bytes === null) {
      const slice = fileSlice(path, 0, state.size, () => openAs(path, state));
      return this.#represent({ made: () => compressed(slice, encoding) }, state, encoding);
    }
    const smaller = await encoded(bytes, encoding);
    return smaller.length < bytes.length ? this.#represent({ bytes: smaller }, state, encoding) : null;
  }

  /** @param state of what is sent: that of a sibling is its own. */
  #represent(
    octets: Octets,
    state: FileState,
    encoding?: Encoding,
    digest: string | null = this.#digest,
  ): Representation {
    const { shown } = this.#origin;
    const { etag, lastModified } = validatorsOf(state, digest, encoding === undefined ? "" : `-${encoding}`);
    return new Representation(octets, {
      type: this.#type,
      validators: { etag: this.#policy.etag === "none" ? undefined : etag, lastModified },
      encoding,
      varies: this.#negotiable,
      cacheControl: cacheControlOf(this.#policy, shown, this.#type, state.size),
      headers: this.#policy.headers,
    });
  }
}

function octetsIn(path: string, state: FileState): Octets {
  return { path, size: state.size, opener: () => openAs(path, state) };
}
