// Byte streams, counted. The browser moves a chunk's memory to another buffer object when it is enqueued and whenever it
// is read into a view, and with that loses sight of what was counted at the first one. So the memory is counted as the
// stream's while it waits there, as the read's while a read waits for it, and anew when it comes out.
//
// Nothing here may make a handler wait longer: a read is looked at by a reaction that stands before the handler's own.

import { countValue } from './buffers.js';
import {
  NativeStream, apply, bareArray, bufferOf, bufferOfDataView, cancelReader, define, getPrototypeOf, getReader,
  getter, guardGetter, guardMethod, isTypedArray, isView, ownWeakMap, readReader, sizeOfBuffer, sizeOfDataView, sizeOfTyped,
  then, uncurry,
} from './intrinsics.js';
import { LARGE, countAs, drop, onRecount } from './memory.js';
import { tee } from './tee.js';

const { prototype: controllerPrototype } = ReadableByteStreamController;
const { prototype: byobPrototype } = ReadableStreamBYOBReader;
const { prototype: requestPrototype } = ReadableStreamBYOBRequest;
const enqueueNative = uncurry(controllerPrototype.enqueue);
const desiredSize = getter(controllerPrototype, 'desiredSize');
const readByob = uncurry(byobPrototype.read);
const viewOf = getter(requestPrototype, 'view');
const releaseByob = uncurry(byobPrototype.releaseLock);
const releaseDefault = uncurry(ReadableStreamDefaultReader.prototype.releaseLock);
const enqueueDefault = uncurry(ReadableStreamDefaultController.prototype.enqueue);
const closeDefault = uncurry(ReadableStreamDefaultController.prototype.close);
const NativeWeakRef = WeakRef;
const valuesOf = uncurry(NativeStream.prototype.values);
const deref = uncurry(WeakRef.prototype.deref);
const BYOB = { __proto__: null, mode: 'byob' };
/** Beyond this the engine's queue sizes are not exact, in bytes. */
const EXACT = 2 ** 53 - 1;

const ignore = () => {};
const bufferOfView = (view) => (isTypedArray(view) ? bufferOf(view) : bufferOfDataView(view));

/** Memory that waits in a stream's queue, as pieces in their order. */
class Queue {
  /** The queue's size when nothing is wanted, in bytes; NaN where the engine cannot say exactly. */
  mark;
  /** Bytes that were ever queued, and where each piece ends in them. */
  total = 0;
  ends = bareArray();
  sizes = bareArray();
  first = 0;
  /** Bytes of memory in the pieces. */
  held = 0;
  constructor(mark) { this.mark = mark; }
}

const queues = ownWeakMap();
/** Every controller with a queue, weakly. */
let controllers = bareArray();
let sweepAt = 64;

/** Forgets the pieces that have left the queue. */
function settle(queue, desired) {
  // Null: the stream failed, and its queue is gone.
  const left = desired === null ? 0 : queue.mark - desired;
  const gone = queue.total - left;
  while (queue.first < queue.ends.length && queue.ends[queue.first] <= gone) queue.held -= queue.sizes[queue.first++];
  if (queue.first === queue.ends.length) {
    queue.ends = bareArray();
    queue.sizes = bareArray();
    queue.first = 0;
  }
}

/** Looks at every queue anew. */
function recount() {
  const live = bareArray();
  for (let i = 0; i < controllers.length; i++) {
    const controller = deref(controllers[i]);
    if (controller === undefined) continue;
    live[live.length] = controllers[i];
    const queue = queues.get(controller);
    settle(queue, desiredSize(controller));
    countAs(controller, queue.held, 0);
  }
  controllers = live;
  sweepAt = 2 * live.length + 64;
}

/** A queue for a controller that had room for `mark` bytes when its queue was empty. */
function createQueue(controller, mark) {
  const queue = new Queue(mark <= EXACT && mark >= -EXACT ? mark : NaN);
  queues.set(controller, queue);
  if (controllers.length >= sweepAt) recount();
  controllers[controllers.length] = new NativeWeakRef(controller);
  return queue;
}

/** `chunk`, a view with a buffer of `size` bytes, went into the controller's stream, which wanted `before` bytes. */
function account(controller, before, length, size) {
  const after = desiredSize(controller);
  // All of it went to whoever waited.
  if (before === after && before <= EXACT && before >= -EXACT) return;
  const queue = queues.get(controller) ?? createQueue(controller, before);
  settle(queue, before);
  queue.total += queue.mark === queue.mark ? before - after : length;
  const last = queue.ends.length - 1;
  if (last >= queue.first && queue.sizes[last] < LARGE) {
    queue.ends[last] = queue.total;
    queue.sizes[last] += size;
  } else {
    queue.ends[last + 1] = queue.total;
    queue.sizes[last + 1] = size;
  }
  queue.held += size;
  countAs(controller, queue.held, size);
}

/** Enqueues a view by `enqueue()`; its memory is the stream's from now on. */
function feedBy(controller, view, enqueue) {
  const buffer = bufferOfView(view);
  const size = sizeOfBuffer(buffer);
  const length = isTypedArray(view) ? sizeOfTyped(view) : sizeOfDataView(view);
  const before = desiredSize(controller);
  enqueue();
  drop(buffer);
  account(controller, before, length, size);
}

/** Gives bytes to a byte stream. They are counted as the stream's, or as the reader's. */
export const feed = (controller, bytes) => feedBy(controller, bytes, () => enqueueNative(controller, bytes));

const countRead = ({ value }) => {
  if (isView(value)) countValue(bufferOfView(value));
};

/** Counts what a read will give. Gives the same promise back. */
const counted = (promise) => {
  then(promise, countRead, ignore);
  return promise;
};

/** `read()` of a default reader, for us: what comes is counted like what handlers read. */
export const readCounted = (reader) => counted(readReader(reader));

/** Counts the memory of the view that a read may fill. */
function readInto(read, view) {
  const buffer = isView(view) ? bufferOfView(view) : null;
  const size = buffer === null ? 0 : sizeOfBuffer(buffer);
  const promise = read();
  if (buffer === null || sizeOfBuffer(buffer) > 0) return counted(promise);
  drop(buffer);
  countAs(promise, size, size);
  then(promise, (result) => {
    drop(promise);
    countRead(result);
  }, () => drop(promise));
  return promise;
}

/** Whether a stream is one of bytes that nobody reads. */
export function isByteStream(stream) {
  try {
    releaseByob(getReader(stream, BYOB));
    return true;
  } catch {
    return false;
  }
}

/** A stream of the same chunks, each counted, and how to let go of the first. For streams whose chunks are the browser's. */
function countedCopy(stream) {
  const reader = getReader(stream);
  const copy = new NativeStream({
    __proto__: null,
    pull: (controller) => then(readReader(reader), (result) => {
      if (result.done) {
        closeDefault(controller);
        return;
      }
      countRead(result);
      enqueueDefault(controller, result.value);
    }),
    cancel: (reason) => cancelReader(reader, reason),
  }, { __proto__: null, highWaterMark: 0 });
  return { __proto__: null, copy, release: () => releaseDefault(reader) };
}

/** A stream of the same chunks, each counted. */
export const countedStream = (stream) => countedCopy(stream).copy;

/** Two streams of the same chunks: `native(stream)`, or ours where it is one of bytes. */
export const teeStream = (stream, native) => (isByteStream(stream) ? tee(stream, feed) : native(stream));

/** Makes a method of streams read byte streams by way of a counted one. `after(result, release)` is told how to let go. */
const guardPipe = (name, after) => guardMethod(NativeStream.prototype, name, (native, self, args) => {
  if (!isByteStream(self)) return apply(native, self, args);
  const { copy, release } = countedCopy(self);
  try {
    const result = apply(native, copy, args);
    after(result, release);
    return result;
  } catch (error) {
    // Refused before anything was read.
    release();
    throw error;
  }
});

/** Puts the counted methods in place. */
export function guardByteStreams() {
  onRecount(recount);
  guardMethod(controllerPrototype, 'enqueue', (native, self, args) => {
    const [view] = args;
    if (isView(view)) feedBy(self, view, () => apply(native, self, args));
    else apply(native, self, args);
  });
  guardMethod(ReadableStreamDefaultReader.prototype, 'read', (native, self, args) => counted(apply(native, self, args)));
  guardMethod(byobPrototype, 'read', (native, self, args) => readInto(() => apply(native, self, args), args[0]));
  define(byobPrototype, 'readAtLeast', { readAtLeast(min, view) {
    return readInto(() => readByob(this, view, { __proto__: null, min }), view);
  } }.readAtLeast);
  const chunks = getPrototypeOf(valuesOf(new NativeStream()));
  guardMethod(chunks, 'next', (native, self, args) => counted(apply(native, self, args)));
  guardMethod(NativeStream.prototype, 'tee', (native, self) => teeStream(self, (stream) => apply(native, stream, [])));
  guardPipe('pipeTo', (result, release) => void then(result, release, release));
  guardPipe('pipeThrough', ignore);
  guardRequest();
}

/** What a pull may write into is the engine's, where the stream asked it for memory. */
function guardRequest() {
  guardGetter(requestPrototype, 'view', (native, self) => {
    const view = native(self);
    if (view !== null) countValue(bufferOf(view));
    return view;
  });
  for (const name of ['respond', 'respondWithNewView']) {
    guardMethod(requestPrototype, name, (native, self, args) => {
      const view = viewOf(self);
      const buffer = view === null ? null : bufferOf(view);
      apply(native, self, args);
      if (buffer !== null) drop(buffer);
      if (name === 'respondWithNewView') drop(bufferOfView(args[0]));
    });
  }
}
