// IdentityTransformStream and FixedLengthStream, which Workers have: bytes in, the same bytes out. Nothing queues: a
// write is done when somebody has read it.

import { feed } from './byte-streams.js';
import {
  NativePromise, NativeStream, NativeTypeError, bytesOf, copyBytes, defineGlobal, encode, getter,
  lengthOf, listenTo, ownWeakMap, setPrototypeOf, toNumber, uncurry,
} from './intrinsics.js';
import { countTyped } from './memory.js';
import { closeBytes } from './tee.js';

const NativeWritable = WritableStream;
const NativeTransform = TransformStream;
const failReading = uncurry(ReadableByteStreamController.prototype.error);
const failWriting = uncurry(WritableStreamDefaultController.prototype.error);
const signalOf = getter(WritableStreamDefaultController.prototype, 'signal');
const reasonOf = getter(AbortSignal.prototype, 'reason');

/** Bytes that a readable stream was said to have in all. */
const lengths = ownWeakMap();
/** How many bytes a stream will give in all, where its maker said so; else -1. */
export const lengthOfStream = (stream) => lengths.get(stream) ?? -1;

/** A write that waits for its reader. */
class Waiting {
  constructor(bytes, done, failed) {
    this.bytes = bytes;
    this.done = done;
    this.failed = failed;
  }
}

/**
 * Two ends of a pipe.
 *
 * @param {number} expected bytes that must go through, or Infinity for any number
 */
function createPipe(expected) {
  const isFixed = expected !== Infinity;
  let left = expected;
  let output = null;
  let waiting = null;
  let pulled = null;
  let isOver = false;

  const serve = () => {
    if (waiting === null || pulled === null) return;
    const { bytes, done } = waiting;
    const wake = pulled;
    waiting = null;
    pulled = null;
    feed(output, bytes);
    wake();
    done();
  };

  /** Ends the reading side, well or with an error. */
  const end = (isFailure, error) => {
    if (isOver) return;
    isOver = true;
    if (isFailure) {
      failReading(output, error);
    } else {
      closeBytes(output);
    }
    pulled?.();
    waiting?.failed(error);
    waiting = null;
  };

  const fail = (error) => {
    end(true, error);
    throw error;
  };

  let input;
  const writable = new NativeWritable({
    __proto__: null,
    start(controller) {
      input = controller;
      // An abort is told at once here; the sink's own method waits for the write under way.
      const signal = signalOf(controller);
      listenTo(signal, 'abort', () => end(true, reasonOf(signal)));
    },
    write(chunk) {
      const isText = typeof chunk === 'string';
      const bytes = isText ? encode(chunk) : bytesOf(chunk);
      if (bytes === null) fail(new NativeTypeError('This TransformStream takes strings, ArrayBuffers and views of them as chunks.'));
      const size = lengthOf(bytes);
      if (size > left) fail(new NativeTypeError('Attempt to write too many bytes through a FixedLengthStream.'));
      left -= size;
      if (size === 0) return undefined;
      // The writer may go on to change what it wrote.
      const own = countTyped(isText ? bytes : copyBytes(bytes));
      return new NativePromise((done, failed) => {
        waiting = new Waiting(own, done, failed);
        serve();
      });
    },
    close() {
      const isShort = isFixed && left > 0;
      end(isShort, isShort
        ? new NativeTypeError('FixedLengthStream did not see all expected bytes before close().')
        : undefined);
    },
  });
  const readable = new NativeStream({
    __proto__: null,
    type: 'bytes',
    start(controller) { output = controller; },
    pull: () => new NativePromise((wake) => {
      pulled = wake;
      serve();
    }),
    cancel(reason) {
      isOver = true;
      failWriting(input, reason);
      waiting?.failed(reason);
      waiting = null;
    },
  }, { __proto__: null, highWaterMark: 0 });
  if (isFixed) lengths.set(readable, expected);
  return { __proto__: null, readable, writable };
}

class IdentityTransformStream {
  #pipe;
  // The second argument is FixedLengthStream's own; anything else there is none of ours.
  constructor(_strategy, fixed) {
    this.#pipe = createPipe(fixed instanceof Fixed ? fixed.length : Infinity);
  }
  get readable() { return this.#pipe.readable; }
  get writable() { return this.#pipe.writable; }
  get [Symbol.toStringTag]() { return 'IdentityTransformStream'; }
}

/** A length that only this module can say. */
class Fixed {
  constructor(length) { this.length = length; }
}

/** A length in bytes: a number or bigint, rounded down, that the wire can say. */
function wholeLength(value) {
  const length = toNumber(value);
  if (!(length >= 0 && length <= 2 ** 53 - 1)) {
    throw new NativeTypeError('FixedLengthStream requires an integer expected length less than 2^53.');
  }
  return length - (length % 1);
}

class FixedLengthStream extends IdentityTransformStream {
  constructor(length) { super(undefined, new Fixed(wholeLength(length))); }
  get [Symbol.toStringTag]() { return 'FixedLengthStream'; }
}

/** Puts both in place. */
export function addBytePipes() {
  setPrototypeOf(IdentityTransformStream.prototype, NativeTransform.prototype);
  setPrototypeOf(IdentityTransformStream, NativeTransform);
  defineGlobal('IdentityTransformStream', IdentityTransformStream);
  defineGlobal('FixedLengthStream', FixedLengthStream);
}
