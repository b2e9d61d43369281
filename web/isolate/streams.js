// `ReadableStream.from`, which not every browser has.

import { NativeStream, NativeTypeError, apply, define, uncurry } from './intrinsics.js';

const { asyncIterator, iterator } = Symbol;
const enqueue = uncurry(ReadableStreamDefaultController.prototype.enqueue);
const close = uncurry(ReadableStreamDefaultController.prototype.close);
const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

/** A stream of what an iterable gives, taken when it is asked for. */
function streamFrom(iterable) {
  if (iterable === undefined || iterable === null) throw new NativeTypeError('ReadableStream.from() needs an iterable');
  const method = iterable[asyncIterator];
  const isAsync = method !== undefined && method !== null;
  const start = isAsync ? method : iterable[iterator];
  if (typeof start !== 'function') throw new NativeTypeError('ReadableStream.from() needs an iterable');
  const items = apply(start, iterable, []);
  if (!isObject(items)) throw new NativeTypeError('an iterator must be an object');
  const { next } = items;
  return new NativeStream({
    __proto__: null,
    async pull(controller) {
      const result = await apply(next, items, []);
      if (!isObject(result)) throw new NativeTypeError('an iterator must give objects');
      if (result.done) close(controller);
      else enqueue(controller, isAsync ? result.value : await result.value);
    },
    async cancel(reason) {
      const end = items.return;
      if (end === undefined || end === null) return;
      if (!isObject(await apply(end, items, [reason]))) throw new NativeTypeError('an iterator must give objects');
    },
  }, { __proto__: null, highWaterMark: 0 });
}

/** Puts it in place. */
export function addToStreams() {
  if (NativeStream.from === undefined) define(NativeStream, 'from', { from: (iterable) => streamFrom(iterable) }.from);
}
