// node:crypto: hashing, keys from passwords and random bytes, synchronous as Node.js has them; the rest says that it
// is missing. Web Crypto is the browser's.

import { hkdf as hkdfOf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { md5, ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { pbkdf2 as pbkdf2Of } from '@noble/hashes/pbkdf2.js';
import { scrypt as scryptOf } from '@noble/hashes/scrypt.js';
import { sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from '@noble/hashes/sha2.js';
import { sha3_224, sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js';
import * as rest from 'unenv/node/crypto';
import { Buffer } from './buffer.js';

const HASHES = {
  __proto__: null, md5, sha1, sha224, sha256, sha384, sha512, ripemd160, rmd160: ripemd160,
  'sha512-224': sha512_224, 'sha512-256': sha512_256,
  'sha3-224': sha3_224, 'sha3-256': sha3_256, 'sha3-384': sha3_384, 'sha3-512': sha3_512,
};
const MAX_RANDOM = 65536;

const native = globalThis.crypto;
export const webcrypto = native;
export const subtle = native.subtle;
export const getRandomValues = (array) => native.getRandomValues(array);
export const randomUUID = () => native.randomUUID();
export const getHashes = () => Object.keys(HASHES);

function hashOf(name) {
  const hash = HASHES[String(name).toLowerCase().replace(/^rsa-/, '').replace(/^sha-/, 'sha')];
  if (hash) return hash;
  const error = new Error(`Digest method not supported: ${name}`);
  error.code = 'ERR_CRYPTO_INVALID_DIGEST';
  throw error;
}

function bytesOf(data, encoding) {
  if (typeof data === 'string') return Buffer.from(data, encoding === 'buffer' ? undefined : encoding);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  const error = new TypeError('The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView');
  error.code = 'ERR_INVALID_ARG_TYPE';
  throw error;
}

const out = (bytes, encoding) => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
};

class Digest {
  #state;
  #done = false;

  constructor(state) {
    this.#state = state;
  }

  update(data, encoding) {
    if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this.#state.update(bytesOf(data, encoding));
    return this;
  }

  digest(encoding) {
    if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this.#done = true;
    return out(this.#state.digest(), encoding);
  }

  copy() {
    return new this.constructor(this.#state.clone());
  }
}

export class Hash extends Digest {}
export class Hmac extends Digest {}

export const createHash = (name) => new Hash(hashOf(name).create());
export const createHmac = (name, key) => new Hmac(hmac.create(hashOf(name), bytesOf(key)));
export const hash = (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding);

export function randomFillSync(buffer, offset = 0, size = buffer.byteLength - offset) {
  const bytes = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  for (let at = offset; at < offset + size; at += MAX_RANDOM) {
    native.getRandomValues(bytes.subarray(at, Math.min(at + MAX_RANDOM, offset + size)));
  }
  return buffer;
}

/** The last argument as Node.js calls back: later, and with the error first. */
function callBack(callback, work) {
  queueMicrotask(() => {
    let value;
    try {
      value = work();
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, value);
  });
}

export function randomFill(buffer, ...rest) {
  const callback = rest.pop();
  callBack(callback, () => randomFillSync(buffer, ...rest));
}

export function randomBytes(size, callback) {
  const make = () => randomFillSync(Buffer.alloc(size));
  if (callback === undefined) return make();
  callBack(callback, make);
}

export function randomInt(min, max, callback) {
  if (max === undefined || typeof max === 'function') [min, max, callback] = [0, min, max];
  const range = max - min;
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || range <= 0 || range > 2 ** 48) {
    throw new RangeError('randomInt: min and max must be whole numbers, max the larger, at most 2 ** 48 apart');
  }
  const make = () => {
    const limit = 2 ** 48 - (2 ** 48 % range);
    for (;;) {
      const value = randomBytes(6).readUIntBE(0, 6);
      if (value < limit) return min + (value % range);
    }
  };
  if (callback === undefined) return make();
  callBack(callback, make);
}

export function timingSafeEqual(a, b) {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  if (left.length !== right.length) {
    throw Object.assign(new RangeError('Input buffers must have the same byte length'), {
      code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
    });
  }
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i] ^ right[i];
  return difference === 0;
}

export function pbkdf2Sync(password, salt, iterations, length, digest) {
  return out(pbkdf2Of(hashOf(digest), bytesOf(password), bytesOf(salt), { c: iterations, dkLen: length }));
}

export function pbkdf2(password, salt, iterations, length, digest, callback) {
  callBack(callback, () => pbkdf2Sync(password, salt, iterations, length, digest));
}

export function scryptSync(password, salt, length, options = {}) {
  const N = options.N ?? options.cost ?? 16384;
  const r = options.r ?? options.blockSize ?? 8;
  const p = options.p ?? options.parallelization ?? 1;
  const maxmem = (options.maxmem ?? 32 * 1024 * 1024) + 1024;
  return out(scryptOf(bytesOf(password), bytesOf(salt), { N, r, p, dkLen: length, maxmem }));
}

export function scrypt(password, salt, length, options, callback) {
  if (typeof options === 'function') [options, callback] = [{}, options];
  callBack(callback, () => scryptSync(password, salt, length, options));
}

/** An ArrayBuffer, unlike all others here. */
export function hkdfSync(digest, key, salt, info, length) {
  const bytes = hkdfOf(hashOf(digest), bytesOf(key), bytesOf(salt), bytesOf(info), length);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

export function hkdf(digest, key, salt, info, length, callback) {
  callBack(callback, () => hkdfSync(digest, key, salt, info, length));
}

export * from 'unenv/node/crypto';
export default {
  ...rest.default, webcrypto, subtle, getRandomValues, randomUUID, getHashes, Hash, Hmac, createHash, createHmac, hash, randomFillSync,
  randomFill, randomBytes, randomInt, timingSafeEqual, pbkdf2Sync, pbkdf2, scryptSync, scrypt, hkdfSync, hkdf,
};
