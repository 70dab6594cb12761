// Number i of a stream is a hash of i and of the two words of its key: any piece can be made alone.
// Source: triple32 of Chris Wellons' hash prospector, the second word of the key put in after its first round.

export function hash(counter: i32, key0: i32, key1: i32): u32 {
  let x = u32(counter) + u32(key0);
  x ^= x >> 17;
  x *= 0xed5ad4bb;
  x ^= x >> 11;
  x += u32(key1);
  x *= 0xac4c1b51;
  x ^= x >> 15;
  x *= 0x31848bab;
  x ^= x >> 14;
  return x;
}
