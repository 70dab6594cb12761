export type MmubErrorCode =
  | "invalid-params"
  | "invalid-input"
  | "shape-mismatch"
  | "saved-mismatch"
  | "missing-library"
  | "missing-model";

export interface MmubErrorDetails {
  /** The `type` of the part that throws. */
  readonly part: string;
  /** What was got, what was wanted, what to do. */
  readonly message: string;
  /** The position of the offending input, row or target, where there is one. */
  readonly index?: number;
  readonly cause?: unknown;
  /** The offending values, by name. */
  readonly [field: string]: unknown;
}

// Registered for all copies of this package in a process, so that `is` knows errors of another installed copy too.
const marker = Symbol.for("@mmub/core/MmubError");

/**
 * The one error class of mmub. `code` says what kind, `part` who, the message what was got, what was wanted and what to
 * do; the offending values are in `details`.
 *
 * @example
 * try {
 *   await tfidf().fit([3 as never]);
 * } catch (error) {
 *   if (MmubError.is(error)) console.log(error.code, error.part, error.index); // invalid-input @mmub/text/tfidf 0
 * }
 */
export class MmubError extends Error {
  override readonly name = "MmubError";
  readonly [marker] = true;
  readonly code: MmubErrorCode;
  readonly part: string;
  readonly index: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: MmubErrorCode, { part, message, index, cause, ...details }: MmubErrorDetails) {
    super(`${part.replace(/^@mmub\//, "")}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.part = part;
    this.index = index;
    this.details = details;
  }

  /** Whether `error` is an MmubError, of this or of another installed copy of the package. */
  static is(error: unknown): error is MmubError {
    return typeof error === "object" && error !== null && (error as { [marker]?: unknown })[marker] === true;
  }
}

/** The message of an error without the name of its part, for an error that tells it again. */
export function reasonOf({ message }: { readonly message: string }): string {
  return message.slice(message.indexOf(": ") + 2);
}

/** Throws `invalid-params` unless `ok`: `audio/mfcc: hopLength is 0, want a positive integer`. */
export function checkParam(part: string, name: string, value: unknown, ok: boolean, want: string): void {
  if (!ok)
    throw new MmubError("invalid-params", { part, message: `${name} is ${show(value)}, want ${want}`, [name]: value });
}

/** Throws `invalid-input` for the input at `index`: `text/tfidf: input 3 is number 7, want a string or null`. */
export function rejectInput(part: string, index: number, got: unknown, want: string): never {
  throw new MmubError("invalid-input", { part, message: `input ${index} is ${show(got)}, want ${want}`, index, got });
}

/** A value as an error message shows it: its kind and a short piece of it. */
export function show(value: unknown): string {
  if (value === null || value === undefined || typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return `number ${value}`;
  if (typeof value === "string") {
    const text = value.length > 40 ? `${value.slice(0, 40)}…` : value;
    return `string ${JSON.stringify(text)}`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name} of ${(value as Uint8Array).length ?? value.byteLength}`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  const name = (value as object).constructor?.name ?? "Object";
  return name === "Object" ? `an object with ${listed(Object.keys(value as object))}` : `a ${name}`;
}

/** Names as an error message lists them: at most eight, then how many more. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return "nothing";
  const more = names.length - 8;
  return names.slice(0, 8).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
