// The entry point `portico/content`: what a body or a header value means.
export { type Accessors, type AccessorsOptions, accessors } from "./accessors.ts";
export { mayBePart, precondition, type Validators } from "./conditional.ts";
export { type CookieOptions, clearCookie, cookies, setCookie, withCookie } from "./cookie.ts";
export {
  compressed,
  ENCODINGS,
  type Encoding,
  type EncodingOptions,
  encoded,
  encoder,
  isCompressible,
} from "./encoding.ts";
export { type FormOptions, parseForm } from "./form.ts";
export type { FormDataOptions, FormValue } from "./form-data.ts";
export { type HeaderLines, type HeaderLinesOptions, type HeaderSource, readHeaders } from "./header-lines.ts";
export { type ExtraTypes, mediaTypes, type TypeOf } from "./media.ts";
export { type MultipartLimits, parts } from "./multipart.ts";
export { encodingFor, language, preferred } from "./negotiate.ts";
export { bodyBytes, decodeBody } from "./octets.ts";
export {
  type ParametersOptions,
  type Place,
  parameters,
  urlParameters,
  withParameters,
} from "./parameters.ts";
export { type Param, Params, type Source } from "./params.ts";
export {
  type ContentParser,
  type ContentParsers,
  contentParsers,
  form,
  type ParseOptions,
  type ParserContext,
  type ParsersOptions,
  parse,
} from "./parsers.ts";
export type { Part } from "./part.ts";
export { type Problem, problemPage } from "./problem.ts";
export { type ByteRange, byteRanges, contentRange } from "./range.ts";
export { type UploadedFile, type Uploads, uploads } from "./uploads.ts";
