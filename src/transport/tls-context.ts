// A certificate that can be replaced while servers use it. Knows the options and whom to tell; does not load node:tls, so
// that a program which never encrypts does not pay for it. tls.ts is where the options take effect.
import type { TlsOptions } from "node:tls";
import { LocalError } from "../base/errors.ts";

/**
 * The options of node:tls for a server: key, cert, ca, requestCert, SNICallback and so on. `ALPNProtocols` is
 * ["http/1.1"] and `handshakeTimeout` 10,000 milliseconds unless given.
 */
export type TlsServerOptions = TlsOptions;

/** Applies new options to a server in use; throws, and leaves the server as it was, if they cannot be used. */
export type Apply = (options: TlsServerOptions) => void;

/**
 * TLS options that can be replaced live: connections made afterwards get the new certificate, those that stand live on
 * with the one that they were made with. One context may serve several listeners.
 *
 * @example
 * const context = new TlsContext({ key, cert });
 * await listen({ host: "::", port: 443 }, accept, { tls: context });
 * context.replace({ key: renewedKey, cert: renewedCert });
 */
export class TlsContext {
  readonly #users = new Set<Apply>();
  #options: TlsServerOptions;

  constructor(options: TlsServerOptions) {
    this.#options = { ...options };
  }

  /** What new connections are made with. */
  get options(): TlsServerOptions {
    return this.#options;
  }

  /**
   * Replaces what makes up the secure context (key, cert, pfx, ca, crl, ciphers, minVersion …); the options left out stay.
   * Throws USE_BAD_OPTION with the reason as `cause` if they cannot be used, and then everything is as it was.
   */
  replace(change: TlsServerOptions): void {
    const next = { ...this.#options, ...change };
    try {
      for (const apply of this.#users) apply(next);
    } catch (cause) {
      for (const apply of this.#users) apply(this.#options);
      throw new LocalError("USE_BAD_OPTION", "The TLS options cannot be used.", { cause });
    }
    this.#options = next;
  }

  /** For listeners: hears of each replacement until the function that is returned is called. */
  attach(apply: Apply): () => void {
    this.#users.add(apply);
    return () => void this.#users.delete(apply);
  }
}
