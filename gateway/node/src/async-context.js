// Keeps an AsyncLocalStorage's store with the code that goes on later. Loading this takes the ways by which code goes
// on that it can reach: then(), timers, microtasks, the functions of streams. `await` has no such way: when code with
// node:async_hooks is deployed, `await x` is written as `resume(capture(), await wait(x))`.

import { bound, enter, frame, within } from './async-frame.js';

const nativeThen = Promise.prototype.then;
const NativePromise = Promise;
const { apply } = Reflect;
const isFunction = (value) => typeof value === 'function';

const ok = (value) => ({ failed: false, value });
const bad = (value) => ({ failed: true, value });

/** The frame before an `await`. */
export const capture = frame;

/** What is awaited, so that it always resolves: a rejection would go by `resume`. */
export function wait(value) {
  if (value !== null && (typeof value === 'object' || isFunction(value))) {
    if (value instanceof NativePromise && value.constructor === NativePromise) return apply(nativeThen, value, [ok, bad]);
    // Its `then` may begin the work (as query builders' do), so it runs in this frame and not in the engine's job.
    const then = value.then;
    if (isFunction(then)) {
      const settled = new NativePromise((resolve, reject) => queueMicrotask(() => {
        try {
          apply(then, value, [resolve, reject]);
        } catch (error) {
          reject(error);
        }
      }));
      return apply(nativeThen, settled, [ok, bad]);
    }
  }
  return ok(value);
}

/** After the `await`. */
export function resume(before, { failed, value }) {
  enter(before);
  if (failed) throw value;
  return value;
}

/** After the `await` of a `for await`. */
export { enter };

const boundIf = (run) => (isFunction(run) ? bound(run) : run);

function replace(object, name, value) {
  const was = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(value, 'name', { value: name, configurable: true });
  Object.defineProperty(object, name, { ...was, value });
}

replace(Promise.prototype, 'then', function (fulfilled, rejected) {
  return apply(nativeThen, this, [boundIf(fulfilled), boundIf(rejected)]);
});

for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
  const native = globalThis[name];
  if (!isFunction(native)) continue;
  replace(globalThis, name, function (run, ...rest) {
    return apply(native, globalThis, [boundIf(run), ...rest]);
  });
}

/** Underlying sources, sinks and transformers work in the frame in which their stream was made. */
const METHODS = ['start', 'pull', 'cancel', 'write', 'close', 'abort', 'transform', 'flush'];
for (const name of ['ReadableStream', 'WritableStream', 'TransformStream']) {
  const native = globalThis[name];
  if (!isFunction(native)) continue;
  const tracked = new Proxy(native, {
    construct(target, [source, ...rest], made) {
      if (source === null || typeof source !== 'object') return Reflect.construct(target, [source, ...rest], made);
      const methods = { __proto__: source };
      const now = frame();
      for (const method of METHODS) {
        const run = source[method];
        if (isFunction(run)) methods[method] = (...args) => within(now, run, source, args);
      }
      return Reflect.construct(target, [methods, ...rest], made);
    },
  });
  const was = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { ...was, value: tracked });
}
