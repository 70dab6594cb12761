/**
 * SHA-256 of pieces as if they lay one after the other, texts as UTF-8, in 64 hexadecimal digits.
 *
 * @example
 * console.log(sha256("two ", "pieces") === sha256("two pieces")); // true
 */
export function sha256(...pieces: readonly (string | Uint8Array)[]): string {
  // Not imported above: loading node:crypto would take a tenth of the time that importing a package may take.
  const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
