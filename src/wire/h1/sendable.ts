// What a head may not say, looked at before it is put into bytes and before anything is stepped: so what is refused can still
// be sent in another way. Whether it may be sent now is state.ts's to say.
import { LocalError } from "../../base/errors.ts";
import { CONTENT_LENGTH, type Fields, kindsOf, TRANSFER_ENCODING } from "../../message/fields.ts";
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
  if ((status < 200 && !switches) || status > 999) throw new LocalError("USE_BAD_STATUS", `It is ${status}.`);
  checkReason(head);
  checkCoding(headers);
  if (framing !== "none") checkLength(headers, framing);
  if (switches || status === 204) checkNoLength(status, headers);
}

/** @throws LocalError USE_BAD_STATUS, USE_BAD_FIELD, USE_FRAMING_FIELD. */
export function checkInformational(head: ResponseHead): void {
  const { status, headers } = head;
  if (status < 100 || status > 199 || status === 101) throw new LocalError("USE_BAD_STATUS", `It is ${status}.`);
  checkReason(head);
  checkCoding(headers);
  checkNoLength(status, headers);
}

function checkCoding(headers: Fields): void {
  if ((kindsOf(headers) & TRANSFER_ENCODING) !== 0) throw new LocalError("USE_FRAMING_FIELD");
}

// It may come from whoever is quoted in it, as a field may.
function checkReason(head: ResponseHead): void {
  if (head.reason !== reason(head.status) && !isFieldValue(head.reason)) {
    throw new LocalError("USE_BAD_FIELD", `The reason is ${JSON.stringify(head.reason)}.`);
  }
}

// Where it is set, it is the one line that says what the framing does.
function checkLength(headers: Fields, framing: Framing): void {
  if ((kindsOf(headers) & CONTENT_LENGTH) === 0) return;
  const said = headers.all("content-length").join(", ");
  if (said !== String(framing)) {
    throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${JSON.stringify(said)}, the body is ${framing}.`);
  }
}

function checkNoLength(status: number, headers: Fields): void {
  if ((kindsOf(headers) & CONTENT_LENGTH) !== 0) {
    throw new LocalError("USE_FRAMING_FIELD", `${status} has no Content-Length (RFC 9110 §8.6).`);
  }
}
