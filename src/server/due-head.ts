// The head of a reply whose body is still to come. It waits for the first piece, the end or a failure: a body that cannot be had
// is then answered with the status of its error, where a head that had left could only be followed by a cut. It does not wait for
// long, so that a body which comes slowly is seen to begin.
import type { Clock, Timer } from "../base/clock.ts";
import { LocalError } from "../base/errors.ts";
import type { Reply } from "../message/reply.ts";
import { HEAD_WAIT } from "./defaults.ts";

/** Where a head is written to, and what keeps its time. */
export interface HeadSink {
  readonly clock: Clock;
  head(reply: Reply, length: number | undefined): void;
}

let arm: (head: DueHead) => void;

export class DueHead {
  readonly #reply: Reply;
  readonly #length: number | undefined;
  readonly #sink: HeadSink;
  readonly #failed: (error: unknown) => void;
  #state: "due" | "sent" | "dropped" = "due";
  #timer: Timer | null = null;

  /** @param length as declared. @param failed is called where wait() cannot send the head. */
  constructor(reply: Reply, length: number | undefined, sink: HeadSink, failed: (error: unknown) => void) {
    this.#reply = reply;
    this.#length = length;
    this.#sink = sink;
    this.#failed = failed;
  }

  /**
   * Sends it, unless it has been.
   *
   * @param length of what stands behind it: octets of the first piece, or 0 where the body has ended.
   * @throws LocalError USE_BODY_LENGTH where these cannot be what was declared; what HeadSink.head() does.
   */
  send(behind: "piece" | "end" | "nothing yet", length = 0): void {
    if (this.#state !== "due") return;
    const declared = this.#length ?? length;
    if ((behind === "piece" && length > declared) || (behind === "end" && length < declared)) {
      throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${declared}, the body has ${length}.`);
    }
    this.#state = "sent";
    this.#timer?.cancel();
    this.#sink.head(this.#reply, this.#length);
  }

  /** The body was asked for its first piece. What is not there when the turn ends has HEAD_WAIT; events begin at once. */
  wait(): void {
    if (this.#state !== "due") return;
    if (isEventStream(this.#reply)) this.#sendAlone();
    else setImmediate(arm, this);
  }

  /** It is not sent any more. */
  drop(): void {
    if (this.#state !== "due") return;
    this.#state = "dropped";
    this.#timer?.cancel();
  }

  #sendAlone(): void {
    try {
      this.send("nothing yet");
    } catch (error) {
      this.#failed(error);
    }
  }

  static {
    arm = (head) => {
      if (head.#state === "due") head.#timer = head.#sink.clock.after(HEAD_WAIT, () => head.#sendAlone());
    };
  }
}

/** Whether the head of a reply waits for nothing: who listens for events needs it to know that it will hear of them. */
export function isEventStream({ headers }: Reply): boolean {
  return /^text\/event-stream[ \t]*(?:;|$)/i.test(headers.get("content-type") ?? "");
}
