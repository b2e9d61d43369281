// Hash functions that take their input in pieces, which the browser's own cannot: MD5, SHA-1 and SHA-2 (RFC 1321,
// FIPS 180-4). For integrity and old protocols; keys and signatures stay with SubtleCrypto.
//
// Pure: knows neither streams nor promises. Constants are computed at first use: most isolates never hash.

import { Bytes, lengthOf } from './intrinsics.js';

const Words = Uint32Array;
const { sin, floor, abs } = Math;
const toNumber = Number;
const toBigInt = BigInt;

/** The largest whole number whose `power`th power is at most `value`. */
function root(value, power) {
  let low = 0n;
  let high = 1n << 80n;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** power <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** 64 bits behind the point of the roots of `count` primes, from the `skip`th on, as pairs of words. */
function roots(power, count, skip) {
  const words = new Words(2 * count);
  for (let prime = 2, found = 0; found < skip + count; prime++) {
    let isPrime = true;
    for (let i = 2; i * i <= prime; i++) isPrime &&= prime % i !== 0;
    if (!isPrime) continue;
    if (found >= skip) {
      const bits = root(toBigInt(prime) << (64n * power), power);
      words[2 * (found - skip)] = toNumber((bits >> 32n) & 0xffffffffn);
      words[2 * (found - skip) + 1] = toNumber(bits & 0xffffffffn);
    }
    found++;
  }
  return words;
}

/** Every other word: the first 32 bits of 64. */
function upperHalves(pairs, count) {
  const words = new Words(count);
  for (let i = 0; i < count; i++) words[i] = pairs[2 * i];
  return words;
}

const bigEndian = (bytes, at) =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
const littleEndian = (bytes, at) =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

function md5() {
  const table = new Words(64);
  for (let i = 0; i < 64; i++) table[i] = floor(abs(sin(i + 1)) * 2 ** 32);
  const words = new Words(16);
  return (state, bytes, at) => {
    for (let i = 0; i < 16; i++) words[i] = littleEndian(bytes, at + 4 * i);
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      let mixed;
      let word;
      if (round === 0) { mixed = (b & c) | (~b & d); word = i; }
      else if (round === 1) { mixed = (d & b) | (~d & c); word = (5 * i + 1) & 15; }
      else if (round === 2) { mixed = b ^ c ^ d; word = (3 * i + 5) & 15; }
      else { mixed = c ^ (b | ~d); word = (7 * i) & 15; }
      const sum = (a + mixed + table[i] + words[word]) | 0;
      const shift = SHIFTS[4 * round + (i & 3)];
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
  };
}

function sha1() {
  const words = new Words(80);
  return (state, bytes, at) => {
    for (let i = 0; i < 16; i++) words[i] = bigEndian(bytes, at + 4 * i);
    for (let i = 16; i < 80; i++) {
      const word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
      words[i] = (word << 1) | (word >>> 31);
    }
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    for (let i = 0; i < 80; i++) {
      let mixed;
      if (i < 20) mixed = ((b & c) | (~b & d)) + 0x5a827999;
      else if (i < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
      else if (i < 60) mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
      else mixed = (b ^ c ^ d) + 0xca62c1d6;
      const next = (((a << 5) | (a >>> 27)) + mixed + e + words[i]) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
  };
}

const rotate = (word, by) => (word >>> by) | (word << (32 - by));

function sha256() {
  const table = upperHalves(roots(3n, 64, 0), 64);
  const words = new Words(64);
  const now = new Words(8);
  return (state, bytes, at) => {
    for (let i = 0; i < 16; i++) words[i] = bigEndian(bytes, at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15];
      const y = words[i - 2];
      words[i] = words[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3))
        + words[i - 7] + (rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10));
    }
    for (let i = 0; i < 8; i++) now[i] = state[i];
    for (let i = 0; i < 64; i++) {
      const a = now[0];
      const e = now[4];
      const one = (now[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & now[5]) ^ (~e & now[6]))
        + table[i] + words[i]) | 0;
      const two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & now[1]) ^ (a & now[2]) ^ (now[1] & now[2]));
      for (let k = 7; k > 0; k--) now[k] = now[k - 1];
      now[4] += one;
      now[0] = one + two;
    }
    for (let i = 0; i < 8; i++) state[i] += now[i];
  };
}

/** Upper and lower word of a 64-bit rotation to the right. */
const turnHigh = (high, low, by) =>
  (by < 32 ? (high >>> by) | (low << (32 - by)) : (low >>> (by - 32)) | (high << (64 - by)));
const turnLow = (high, low, by) => turnHigh(low, high, by);

function sha512() {
  const table = roots(3n, 80, 0);
  const words = new Words(160);
  const now = new Words(16);
  const carry = (sum) => (sum - (sum % 2 ** 32)) / 2 ** 32;
  return (state, bytes, at) => {
    for (let i = 0; i < 32; i++) words[i] = bigEndian(bytes, at + 4 * i);
    for (let i = 32; i < 160; i += 2) {
      const xh = words[i - 30];
      const xl = words[i - 29];
      const yh = words[i - 4];
      const yl = words[i - 3];
      const low = words[i - 31] + words[i - 13]
        + ((turnLow(xh, xl, 1) ^ turnLow(xh, xl, 8) ^ ((xl >>> 7) | (xh << 25))) >>> 0)
        + ((turnLow(yh, yl, 19) ^ turnLow(yh, yl, 61) ^ ((yl >>> 6) | (yh << 26))) >>> 0);
      words[i] = words[i - 32] + words[i - 14] + carry(low)
        + ((turnHigh(xh, xl, 1) ^ turnHigh(xh, xl, 8) ^ (xh >>> 7)) >>> 0)
        + ((turnHigh(yh, yl, 19) ^ turnHigh(yh, yl, 61) ^ (yh >>> 6)) >>> 0);
      words[i + 1] = low;
    }
    for (let i = 0; i < 16; i++) now[i] = state[i];
    for (let i = 0; i < 160; i += 2) {
      const ah = now[0];
      const al = now[1];
      const eh = now[8];
      const el = now[9];
      const low = now[15] + table[i + 1] + words[i + 1]
        + ((turnLow(eh, el, 14) ^ turnLow(eh, el, 18) ^ turnLow(eh, el, 41)) >>> 0)
        + (((el & now[11]) ^ (~el & now[13])) >>> 0);
      const high = now[14] + table[i] + words[i] + carry(low)
        + ((turnHigh(eh, el, 14) ^ turnHigh(eh, el, 18) ^ turnHigh(eh, el, 41)) >>> 0)
        + (((eh & now[10]) ^ (~eh & now[12])) >>> 0);
      const lowest = (low >>> 0)
        + ((turnLow(ah, al, 28) ^ turnLow(ah, al, 34) ^ turnLow(ah, al, 39)) >>> 0)
        + (((al & now[3]) ^ (al & now[5]) ^ (now[3] & now[5])) >>> 0);
      const highest = high + carry(lowest)
        + ((turnHigh(ah, al, 28) ^ turnHigh(ah, al, 34) ^ turnHigh(ah, al, 39)) >>> 0)
        + (((ah & now[2]) ^ (ah & now[4]) ^ (now[2] & now[4])) >>> 0);
      for (let k = 15; k > 1; k--) now[k] = now[k - 2];
      const moved = now[9] + (low >>> 0);
      now[8] += high + carry(moved);
      now[9] = moved;
      now[0] = highest;
      now[1] = lowest;
    }
    for (let i = 0; i < 16; i += 2) {
      const low = state[i + 1] + now[i + 1];
      state[i] += now[i] + carry(low);
      state[i + 1] = low;
    }
  };
}

const EARLY = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const early = (count) => () => {
  const words = new Words(count);
  for (let i = 0; i < count; i++) words[i] = EARLY[i];
  return words;
};

/** Bytes of a block, bytes of the result, how a block is taken in, and what the state is at first. */
const KINDS = {
  __proto__: null,
  MD5: { block: 64, size: 16, create: md5, begin: early(4), isLittle: true },
  'SHA-1': { block: 64, size: 20, create: sha1, begin: early(5), isLittle: false },
  'SHA-256': { block: 64, size: 32, create: sha256, begin: () => upperHalves(roots(2n, 8, 0), 8), isLittle: false },
  'SHA-384': { block: 128, size: 48, create: sha512, begin: () => roots(2n, 8, 8), isLittle: false },
  'SHA-512': { block: 128, size: 64, create: sha512, begin: () => roots(2n, 8, 0), isLittle: false },
};

/**
 * A hash under way, or null for a name that is not known. Names are in capitals.
 *
 * @returns {{update: (bytes: Uint8Array) => void, finish: () => Uint8Array}|null} `finish` once, at the end
 */
export function createHash(name) {
  const kind = KINDS[name];
  if (kind === undefined) return null;
  const { block, size, isLittle } = kind;
  const compress = kind.create();
  const state = kind.begin();
  const rest = new Bytes(block);
  let filled = 0;
  let total = 0;
  const update = (bytes) => {
    const length = lengthOf(bytes);
    total += length;
    for (let i = 0; i < length;) {
      if (filled === 0 && length - i >= block) {
        compress(state, bytes, i);
        i += block;
      } else {
        rest[filled++] = bytes[i++];
        if (filled === block) {
          compress(state, rest, 0);
          filled = 0;
        }
      }
    }
  };
  const finish = () => {
    let bits = total * 8;
    const tail = new Bytes((filled < block - block / 8 ? block : 2 * block) - filled);
    tail[0] = 0x80;
    // Sizes stay below 2^53 bits; what is above is zero already.
    for (let i = 0; i < 7; i++) {
      tail[isLittle ? lengthOf(tail) - 8 + i : lengthOf(tail) - 1 - i] = bits % 256;
      bits = floor(bits / 256);
    }
    update(tail);
    const result = new Bytes(size);
    for (let i = 0; i < size; i++) result[i] = state[i >> 2] >>> (8 * (isLittle ? i & 3 : 3 - (i & 3)));
    return result;
  };
  return { __proto__: null, update, finish };
}
