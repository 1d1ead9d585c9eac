// The signals of a process that close a server: the first lets it finish what is in hand, a second one cuts that short.

export class ProcessSignals {
  readonly #signals: readonly NodeJS.Signals[];
  readonly #close: (mode: "drain" | "abort") => void;
  #listener: (() => void) | null = null;

  constructor(signals: readonly NodeJS.Signals[], close: (mode: "drain" | "abort") => void) {
    this.#signals = signals;
    this.#close = close;
  }

  /** Listens for them, once. */
  watch(): void {
    if (this.#listener !== null || this.#signals.length === 0) return;
    let asked = false;
    this.#listener = () => {
      this.#close(asked ? "abort" : "drain");
      asked = true;
    };
    for (const signal of this.#signals) process.on(signal, this.#listener);
  }

  unwatch(): void {
    const listener = this.#listener;
    if (listener === null) return;
    this.#listener = null;
    for (const signal of this.#signals) process.off(signal, listener);
  }
}
