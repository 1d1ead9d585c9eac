// Who a request is made by, once a guard has let it in.
import { Key, type Request } from "../message/request.ts";

const PRINCIPAL: Key<unknown> = new Key<unknown>("portico.principal");

/** Says who a request is made by. For the guards; a guard of one's own may call it too. */
export function setPrincipal(request: Request, principal: unknown): void {
  request.set(PRINCIPAL, principal);
}

/**
 * Who a request is made by: what the verification of basic() or bearer() gave; undefined where no guard stands before it.
 *
 * @example
 * const name = principalOf<string>(request);
 */
export function principalOf<P = string>(request: Request): P | undefined {
  return request.get(PRINCIPAL) as P | undefined;
}
