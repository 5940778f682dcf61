/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const K = new Int32Array(64);
/** Of the square roots of the first 8 (5.3.3). */
const INITIAL = new Int32Array(8);

/** Exactly: the floor of the n-th root of `prime` times 2^32, less its integral part. */
function fraction(prime: number, root: 2n | 3n): number {
  const radicand = BigInt(prime) << (32n * root);
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** root <= radicand) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}

for (let prime = 2, count = 0; count < 64; prime++) {
  let divisor = 2;
  while (prime % divisor !== 0) divisor++;
  if (divisor !== prime) continue;
  if (count < 8) INITIAL[count] = fraction(prime, 2n);
  K[count++] = fraction(prime, 3n);
}

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** SHA-256 (FIPS 180-4). What platforms have of it is asynchronous in browsers. */
export function sha256(message: Uint8Array): Uint8Array {
  const state = INITIAL.slice();
  const words = new Int32Array(64);
  const whole = message.length - (message.length % 64);
  digest(state, words, message.subarray(0, whole));
  const rest = message.subarray(whole);
  const last = new Uint8Array(rest.length < 56 ? 64 : 128);
  last.set(rest);
  last[rest.length] = 0x80;
  new DataView(last.buffer).setBigUint64(last.length - 8, BigInt(message.length) * 8n);
  digest(state, words, last);
  const result = new Uint8Array(32);
  const view = new DataView(result.buffer);
  state.forEach((word, at) => {
    view.setInt32(at * 4, word);
  });
  return result;
}

/** Blocks of 64 bytes, a multiple of which is given. */
function digest(state: Int32Array, words: Int32Array, blocks: Uint8Array): void {
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.length);
  for (let block = 0; block < blocks.length; block += 64) {
    for (let t = 0; t < 16; t++) words[t] = view.getInt32(block + t * 4);
    for (let t = 16; t < 64; t++) {
      const early = words[t - 15] as number;
      const late = words[t - 2] as number;
      const small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
      const small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
      words[t] = (words[t - 16] as number) + small0 + (words[t - 7] as number) + small1;
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
    for (let t = 0; t < 64; t++) {
      const large1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const chosen = (e & f) ^ (~e & g);
      const one = (h + large1 + chosen + (K[t] as number) + (words[t] as number)) | 0;
      const large0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const majority = (a & b) ^ (a & c) ^ (b & c);
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + large0 + majority) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => {
      state[at] = (state[at] as number) + word;
    });
  }
}
