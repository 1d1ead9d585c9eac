// The head of a request as it was read. Its fields become an object only when they are asked for: most handlers ask for none.
import type { Fields } from "../../message/fields.ts";
import type { RequestHead, Version } from "../../message/head.ts";
import { fieldsOf, type HeadBlock } from "./facts.ts";

export class ReceivedHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: Version;
  readonly #block: HeadBlock;
  #headers: Fields | null;

  constructor(method: string, target: string, version: Version, block: HeadBlock) {
    this.method = method;
    this.target = target;
    this.version = version;
    this.#block = block;
    this.#headers = null;
  }

  get headers(): Fields {
    if (this.#headers === null) this.#headers = fieldsOf(this.#block);
    return this.#headers;
  }
}
