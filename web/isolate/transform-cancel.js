// A transformer's `cancel`, which is told that nobody reads on or that the writer gave up. Workers call it, and so does the
// standard; Chromium does not yet.
//
// A stream whose transformer has a `cancel` is made here of two streams of the browser's, step by step as the standard
// says (Streams, "Transform streams"). All others are the browser's alone.

import {
  NativePromise, NativeRangeError, NativeStream, NativeTypeError, apply, construct, defineGlobal, getter, guardClass,
  guardGetter, ownWeakMap, setPrototypeOf, uncurry,
} from './intrinsics.js';

const { TransformStream: NativeTransform, WritableStream: NativeWritable } = globalThis;
const NativeController = TransformStreamDefaultController;
const enqueue = uncurry(ReadableStreamDefaultController.prototype.enqueue);
const close = uncurry(ReadableStreamDefaultController.prototype.close);
const failReading = uncurry(ReadableStreamDefaultController.prototype.error);
const desiredSizeOf = getter(ReadableStreamDefaultController.prototype, 'desiredSize');
const failWriting = uncurry(WritableStreamDefaultController.prototype.error);
const signalOf = getter(WritableStreamDefaultController.prototype, 'signal');
const isAborted = getter(AbortSignal.prototype, 'aborted');
const reasonOf = getter(AbortSignal.prototype, 'reason');

/** Whether the browser asks a transformer for its `cancel`. */
const isKnown = () => {
  let asked = false;
  new NativeTransform({
    get cancel() {
      asked = true;
      return undefined;
    },
  });
  return asked;
};

/** The two ends by stream. */
const ends = ownWeakMap();

/** What a transformer writes to. */
class Controller {
  #steps;
  constructor(steps) { this.#steps = steps; }
  get desiredSize() { return this.#steps.desiredSize(); }
  enqueue(chunk) { this.#steps.enqueue(chunk); }
  error(reason) { this.#steps.fail(reason); }
  terminate() { this.#steps.terminate(); }
}

/** A method of the transformer as a function that never throws, but rejects. */
const method = (transformer, name) => {
  const given = transformer[name];
  if (given === undefined) return null;
  if (typeof given !== 'function') throw new NativeTypeError(`The transformer's ${name} is not a function.`);
  return async (...args) => { await apply(given, transformer, args); };
};

/** Makes both ends. */
function makeEnds(transformer, writableStrategy, readableStrategy) {
  const cancel = method(transformer, 'cancel');
  const flush = method(transformer, 'flush');
  const transform = method(transformer, 'transform') ?? (async (chunk) => steps.enqueue(chunk));
  const { start } = transformer;
  let input;
  let output;
  /** How each end ended, if it did: `{error}`, or `{}` for a reading end that was closed or cancelled. */
  let written = null;
  let read = null;
  /** The whole stream's end, once something began it. */
  let finish = null;
  let isFull = false;
  let changed;
  let change;

  const setFull = (value) => {
    change?.();
    changed = new NativePromise((done) => { change = done; });
    isFull = value;
  };
  const failInput = (error) => {
    written ??= { error };
    failWriting(input, error);
    if (isFull) setFull(false);
  };
  const failOutput = (error) => {
    read ??= { error };
    failReading(output, error);
  };
  const isFailed = (state) => state !== null && 'error' in state;

  const steps = {
    __proto__: null,
    desiredSize: () => desiredSizeOf(output),
    enqueue(chunk) {
      if (read !== null) throw new NativeTypeError('The readable side of this TransformStream takes no more.');
      try {
        enqueue(output, chunk);
      } catch (error) {
        // What failed first is what is told.
        read ??= { error };
        failInput(read.error);
        throw read.error;
      }
      const full = desiredSizeOf(output) <= 0;
      if (full && !isFull) setFull(true);
    },
    fail(error) {
      failOutput(error);
      failInput(error);
    },
    terminate() {
      if (read === null) {
        read = {};
        close(output);
      }
      failInput(new NativeTypeError('The TransformStream was terminated.'));
    },
  };
  const controller = new Controller(steps);
  let started;
  const ready = new NativePromise((done) => { started = done; });

  const write = async (chunk) => {
    if (isFull) {
      await changed;
      const signal = signalOf(input);
      if (isAborted(signal)) throw reasonOf(signal);
      if (written !== null) throw written.error;
    }
    try {
      await transform(chunk, controller);
    } catch (error) {
      steps.fail(error);
      throw error;
    }
  };
  /** Ends the reading side after the transformer's last word. */
  const finishOutput = async (last, end) => {
    try {
      await last;
    } catch (error) {
      failOutput(error);
      throw error;
    }
    if (isFailed(read)) throw read.error;
    end();
  };
  const cancelled = async (reason) => {
    try {
      await cancel(reason);
    } catch (error) {
      failInput(error);
      throw error;
    }
    if (written !== null) throw written.error;
    failInput(reason);
  };
  const closeOutput = () => {
    if (read === null) {
      read = {};
      close(output);
    }
  };

  const writable = new NativeWritable({
    __proto__: null,
    start(own) {
      input = own;
      return ready;
    },
    write,
    close: () => (finish ??= finishOutput(flush === null ? undefined : flush(controller), closeOutput)),
    abort: (reason) => (finish ??= finishOutput(cancel(reason), () => failOutput(reason))),
  }, writableStrategy);
  const { highWaterMark, size } = readableStrategy ?? { __proto__: null };
  const readable = new NativeStream({
    __proto__: null,
    start(own) {
      output = own;
      return ready;
    },
    pull() {
      setFull(false);
      return changed;
    },
    cancel(reason) {
      read ??= {};
      return finish ??= cancelled(reason);
    },
  }, { __proto__: null, highWaterMark: highWaterMark === undefined ? 0 : highWaterMark, size });
  setFull(true);
  started(start === undefined ? undefined : apply(start, transformer, [controller]));
  return { __proto__: null, readable, writable };
}

/** Puts it in place. */
export function addTransformCancel() {
  if (isKnown()) return;
  setPrototypeOf(Controller.prototype, NativeController.prototype);
  defineGlobal('TransformStream', guardClass(NativeTransform, (_, args, newTarget) => {
    const transformer = args[0];
    if (typeof transformer?.cancel !== 'function') return construct(NativeTransform, args, newTarget);
    if (transformer.readableType !== undefined || transformer.writableType !== undefined) {
      throw new NativeRangeError('A transformer has no types.');
    }
    // Nobody gets its own ends.
    const stream = construct(NativeTransform, [], newTarget);
    ends.set(stream, makeEnds(transformer, args[1], args[2]));
    return stream;
  }));
  guardGetter(NativeTransform.prototype, 'readable', (native, self) => ends.get(self)?.readable ?? native(self));
  guardGetter(NativeTransform.prototype, 'writable', (native, self) => ends.get(self)?.writable ?? native(self));
}
