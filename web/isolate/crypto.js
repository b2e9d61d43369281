// SubtleCrypto works on threads of its own, where no clock of ours sees it and nothing can stop it: not even the end of
// the isolate. So each piece of work is bounded, few run at once, and their time counts as the isolate's.

import {
  NativeDOMException, NativePromise, apply, bareArray, create, define, guardMethod, now, reject, then,
  upperCase,
} from './intrinsics.js';
import { countValue } from './buffers.js';

/** As in Workers. */
const MAX_PBKDF2_ITERATIONS = 100_000;
/** Bits. A key of this size takes some seconds at worst. */
const MAX_RSA = 4096;
/** Pieces of work under way at once. The others wait. */
const MAX_RUNNING = 4;
/** Milliseconds of a piece of work that are not counted: a change of threads takes that long. */
const FREE = 2;

const METHODS = [
  'encrypt', 'decrypt', 'sign', 'verify', 'digest', 'generateKey', 'deriveKey', 'deriveBits', 'importKey', 'exportKey',
  'wrapKey', 'unwrapKey',
];
/** Methods whose first argument is an algorithm that may cost much. */
const COSTLY = { __proto__: null, generateKey: true, deriveKey: true, deriveBits: true };

const toNumber = Number;
const notSupported = (text) => new NativeDOMException(text, 'NotSupportedError');

/** The algorithm with its costs read once and checked, so that what was checked is what is done. */
function checked(algorithm) {
  if (typeof algorithm !== 'object' || algorithm === null) return algorithm;
  const name = `${algorithm.name}`;
  const fixed = create(algorithm);
  define(fixed, 'name', name);
  const kind = upperCase(name);
  if (kind === 'PBKDF2') {
    const iterations = toNumber(algorithm.iterations);
    if (!(iterations <= MAX_PBKDF2_ITERATIONS)) {
      throw notSupported(`PBKDF2 is limited to ${MAX_PBKDF2_ITERATIONS} iterations here, not ${iterations}.`);
    }
    define(fixed, 'iterations', iterations);
  } else if (kind === 'RSA-OAEP' || kind === 'RSA-PSS' || kind === 'RSASSA-PKCS1-V1_5') {
    if (algorithm.modulusLength === undefined) return fixed;
    const modulusLength = toNumber(algorithm.modulusLength);
    if (!(modulusLength <= MAX_RSA)) throw notSupported(`RSA keys are limited to ${MAX_RSA} bits here.`);
    define(fixed, 'modulusLength', modulusLength);
  }
  return fixed;
}

/**
 * Puts the bounded methods in place.
 *
 * @param {(milliseconds: number) => void} charge told of work done on other threads
 */
export function guardCrypto(charge) {
  let running = 0;
  let waiting = bareArray();
  let next = 0;

  const begin = (work, done, failed) => {
    running++;
    const started = now();
    const over = () => {
      running--;
      const took = now() - started - FREE;
      if (took > 0) charge(took);
      if (next === waiting.length) return;
      const start = waiting[next];
      waiting[next++] = undefined;
      if (next === waiting.length) {
        waiting = bareArray();
        next = 0;
      }
      start();
    };
    let result;
    try {
      result = work();
    } catch (error) {
      over();
      failed(error);
      return;
    }
    then(result, (value) => { over(); done(countValue(value)); }, (error) => { over(); failed(error); });
  };

  for (let i = 0; i < METHODS.length; i++) {
    const name = METHODS[i];
    guardMethod(SubtleCrypto.prototype, name, (native, self, args) => {
      try {
        if (COSTLY[name] && args.length > 0) args[0] = checked(args[0]);
      } catch (error) {
        return reject(error);
      }
      return new NativePromise((done, failed) => {
        const start = () => begin(() => apply(native, self, args), done, failed);
        if (running < MAX_RUNNING) start();
        else waiting[waiting.length] = start;
      });
    });
  }
}
