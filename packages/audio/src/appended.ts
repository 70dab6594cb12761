/** `a` with `b` behind it. */
export function appended(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer>;
export function appended(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer>;
export function appended(a: Float32Array | Uint8Array, b: Float32Array | Uint8Array) {
  const out = a instanceof Uint8Array ? new Uint8Array(a.length + b.length) : new Float32Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
