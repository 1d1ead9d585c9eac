// What a head may not say, looked at before it is put into bytes and before anything is stepped: so what is refused can still
// be sent in another way. Whether it may be sent now is state.ts's to say.
import { LocalError } from "../../base/errors.ts";
import { CONTENT_LENGTH, kindsOf, type ReadonlyFields, TRANSFER_ENCODING } from "../../message/fields.ts";
import type { RequestHead, ResponseHead } from "../../message/head.ts";
import { reason } from "../../message/status.ts";
import { isFieldValue, isTarget, isToken } from "../../message/token.ts";
import type { Framing } from "./framing.ts";

/** @throws LocalError USE_BAD_FIELD, USE_FRAMING_FIELD, USE_BODY_LENGTH. */
export function checkRequest(head: RequestHead, framing: Framing): void {
  if (!isToken(head.method) || !isTarget(head.target)) {
    throw new LocalError("USE_BAD_FIELD", `The request line is ${JSON.stringify(`${head.method} ${head.target}`)}.`);
  }
  checkCoding(head.headers);
  checkLength(head.headers, framing);
}

/** @param switches 101, or 2xx to CONNECT. @throws LocalError USE_BAD_STATUS, and as checkRequest(). */
export function checkResponse(head: ResponseHead, framing: Framing | "none", switches: boolean): void {
  const { status, headers } = head;
  checkStatus(status, switches ? 101 : 200, 999);
  checkReason(head);
  checkCoding(headers);
  if (framing !== "none") checkLength(headers, framing);
  if (switches || status === 204) checkNoLength(status, headers);
}

/** @throws LocalError USE_BAD_STATUS, USE_BAD_FIELD, USE_FRAMING_FIELD. */
export function checkInformational(head: ResponseHead): void {
  const { status, headers } = head;
  checkStatus(status, status === 101 ? 102 : 100, 199);
  checkReason(head);
  checkCoding(headers);
  checkNoLength(status, headers);
}

// Not a number but a text that compares as one would stand in the status line as it is.
function checkStatus(status: number, least: number, most: number): void {
  if (Number.isInteger(status) && status >= least && status <= most) return;
  throw new LocalError("USE_BAD_STATUS", `It is ${String(status)}.`);
}

function checkCoding(headers: ReadonlyFields): void {
  if ((kindsOf(headers) & TRANSFER_ENCODING) !== 0) throw new LocalError("USE_FRAMING_FIELD");
}

// It may come from whoever is quoted in it, as a field may.
function checkReason(head: ResponseHead): void {
  if (head.reason !== reason(head.status) && !isFieldValue(head.reason)) {
    throw new LocalError("USE_BAD_FIELD", `The reason is ${JSON.stringify(head.reason)}.`);
  }
}

// Where it is set, it is the one line that says what the framing does.
function checkLength(headers: ReadonlyFields, framing: Framing): void {
  if ((kindsOf(headers) & CONTENT_LENGTH) === 0) return;
  const said = headers.all("content-length").join(", ");
  if (said !== String(framing)) {
    throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${JSON.stringify(said)}, the body is ${framing}.`);
  }
}

function checkNoLength(status: number, headers: ReadonlyFields): void {
  if ((kindsOf(headers) & CONTENT_LENGTH) !== 0) {
    throw new LocalError("USE_FRAMING_FIELD", `${status} has no Content-Length (RFC 9110 §8.6).`);
  }
}
