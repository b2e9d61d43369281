// crypto.DigestStream, which Workers have: what is written to it is hashed. And MD5 for `crypto.subtle.digest`, which
// browsers lack.

import { createHash } from './hash.js';
import {
  NativeDOMException, NativePromise, NativeTypeError, apply, bufferOf, bytesOf, define, encode, guardMethod, lengthOf,
  reject, resolve, then, toBigInt, upperCase,
} from './intrinsics.js';
import { countTyped } from './memory.js';

const NativeWritable = WritableStream;
const ignore = () => {};

/** The name of an algorithm that is given as a string or an object. */
const nameOf = (algorithm) =>
  upperCase(`${typeof algorithm === 'object' && algorithm !== null ? algorithm.name : algorithm}`);

class DigestStream extends NativeWritable {
  #digest;
  #written;

  constructor(algorithm) {
    if (algorithm === undefined) throw new NativeTypeError('DigestStream needs the name of an algorithm');
    const hash = createHash(nameOf(algorithm));
    if (hash === null) throw new NativeDOMException('Unrecognized or unimplemented digest algorithm.', 'NotSupportedError');
    let written = 0;
    let done;
    let failed;
    const digest = new NativePromise((first, second) => {
      done = first;
      failed = second;
    });
    // Nobody need look at it.
    then(digest, ignore, ignore);
    super({
      __proto__: null,
      write(chunk) {
        const bytes = typeof chunk === 'string' ? encode(chunk) : bytesOf(chunk);
        if (bytes === null) {
          const error = new NativeTypeError('DigestStream takes strings, ArrayBuffers and views of them');
          failed(error);
          throw error;
        }
        written += lengthOf(bytes);
        hash.update(bytes);
      },
      close: () => done(bufferOf(countTyped(hash.finish()))),
      abort: (reason) => failed(reason),
    });
    this.#digest = digest;
    this.#written = () => written;
  }

  /** A promise of the hash, as an ArrayBuffer. */
  get digest() { return this.#digest; }
  get bytesWritten() { return toBigInt(this.#written()); }
  get [Symbol.toStringTag]() { return 'DigestStream'; }
}

/** Puts them in place. */
export function addDigests() {
  define(Crypto.prototype, 'DigestStream', DigestStream);
  guardMethod(SubtleCrypto.prototype, 'digest', (native, self, args) => {
    try {
      if (args.length < 2 || nameOf(args[0]) !== 'MD5') return apply(native, self, args);
      const bytes = bytesOf(args[1]);
      if (bytes === null) throw new NativeTypeError('The data to hash is not an ArrayBuffer or a view of one.');
      const hash = createHash('MD5');
      hash.update(bytes);
      return resolve(bufferOf(countTyped(hash.finish())));
    } catch (error) {
      return reject(error);
    }
  });
}
