// The browser's own functions, captured before any handler code runs.
//
// A handler may replace or patch anything it can reach (`Array.prototype.push`, `Promise.prototype.then`, a polyfill of
// `Response`). What serves its requests uses these instead, so a patch changes the handler and not the protocol.
// Nothing here may give power that lockdown.js takes away: handler code could import this module by its URL.

const { defineProperty, deleteProperty, getOwnPropertyDescriptor } = Reflect;
export const setPrototypeOf = Reflect.setPrototypeOf;
export const getPrototypeOf = Reflect.getPrototypeOf;

/** `uncurry(f)(self, ...args)` is `self.f(...args)`, whatever became of `f`'s place on the prototype. */
export const uncurry = Function.prototype.bind.bind(Function.prototype.call);

/** The getter of an accessor property, taking the object as its argument. */
export const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);

const { iterator } = Symbol;
/** An array that inherits nothing: setters put on `Array.prototype` or `Object.prototype` cannot see it. */
export const bareArray = () => {
  const array = [];
  setPrototypeOf(array, null);
  return array;
};

/** A WeakMap whose methods are its own. */
export const ownWeakMap = () => {
  const map = new WeakMap();
  for (const name of ['get', 'set', 'has', 'delete']) define(map, name, WeakMap.prototype[name]);
  return map;
};

/**
 * An array for the `transfer` of a message. Browsers may iterate it, and it inherits nothing, so it brings an iterator.
 */
export const transferList = () => {
  const list = bareArray();
  define(list, iterator, () => {
    let next = 0;
    return {
      __proto__: null,
      next: () => (next < list.length
        ? { __proto__: null, done: false, value: list[next++] }
        : { __proto__: null, done: true, value: undefined }),
    };
  });
  return list;
};

const { get: mapGet, set: mapSet, has: mapHas, delete: mapDelete, forEach: mapForEach } = Map.prototype;
/** A Map whose methods are its own. */
export const ownMap = () => {
  const map = new Map();
  define(map, 'get', mapGet);
  define(map, 'set', mapSet);
  define(map, 'has', mapHas);
  define(map, 'delete', mapDelete);
  define(map, 'forEach', mapForEach);
  return map;
};

/** Puts a property in place as the browser's own are: not listed, replaceable. */
export const define = (object, name, value) =>
  defineProperty(object, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });

/**
 * `Native` as handlers see it: `trap(Native, args, newTarget)` makes the instances, all else is the original's, statics
 * and identity too (`prototype.constructor` included). The original is out of reach then.
 */
export const guardClass = (Native, trap) => {
  // Inherits nothing: a trap found on `Object.prototype` would be handed the original.
  const guarded = new Proxy(Native, { __proto__: null, construct: trap });
  define(Native.prototype, 'constructor', guarded);
  return guarded;
};

/**
 * Puts a global in place of the browser's, and takes that away. It may be on a prototype of the global object: the new
 * one would only stand in front of it.
 */
export const defineGlobal = (name, value) => {
  for (let object = globalThis; object !== null; object = getPrototypeOf(object)) deleteProperty(object, name);
  define(globalThis, name, value);
};

/** Replaces a method of `object`, where it has it, by `call(native, self, args)`; name, length and place stay. */
export const guardMethod = (object, name, call) => {
  const descriptor = getOwnPropertyDescriptor(object, name);
  const native = descriptor?.value;
  if (typeof native !== 'function') return;
  const { [name]: guarded } = { [name](...args) { return call(native, this, args); } };
  defineProperty(guarded, 'length', { __proto__: null, value: native.length, configurable: true });
  defineProperty(object, name, { __proto__: null, ...descriptor, value: guarded });
};

/** The same for a function of the global object. */
export const guardGlobal = (name, call) => {
  const native = globalThis[name];
  if (typeof native !== 'function') return;
  defineGlobal(name, native);
  guardMethod(globalThis, name, call);
};

/** Calls `after(self)` whenever the property is set. */
export const guardSetter = (object, name, after) => {
  const { get, set, enumerable } = getOwnPropertyDescriptor(object, name);
  const native = uncurry(set);
  const { set: guarded } = getOwnPropertyDescriptor({
    set [name](value) {
      native(this, value);
      after(this);
    },
  }, name);
  defineProperty(object, name, { __proto__: null, get, set: guarded, enumerable, configurable: true });
};

/** `target.addEventListener(kind, listener, options)`. */
export const listenTo = uncurry(EventTarget.prototype.addEventListener);
export const now = performance.now.bind(performance);
export const construct = Reflect.construct;
export const apply = Reflect.apply;
export const create = Object.create;
export const NativeResponse = Response;
export const NativeHeaders = Headers;
export const NativeURL = URL;
export const NativeBlob = Blob;
export const NativeFormData = FormData;
export const NativeSearchParams = URLSearchParams;
export const NativeStream = ReadableStream;
export const NativePromise = Promise;
export const NativeError = Error;
export const toNumber = Number;
export const toBigInt = BigInt;
export const NativeRangeError = RangeError;
export const NativeTypeError = TypeError;
export const NativeAbortController = AbortController;
export const NativeDOMException = DOMException;
export const Bytes = Uint8Array;

export const isView = ArrayBuffer.isView;
/** What all typed arrays inherit from. */
export const TypedArray = getPrototypeOf(Uint8Array);
const typedArrayName = getter(TypedArray.prototype, Symbol.toStringTag);
/** Whether a value is a Uint8Array (or a class of its kind), without asking `instanceof`, which can be redefined. */
export const isBytes = (value) => typeof value === 'object' && value !== null && typedArrayName(value) === 'Uint8Array';
/** Whether a value is a typed array of any kind. */
export const isTypedArray = (value) =>
  typeof value === 'object' && value !== null && typedArrayName(value) !== undefined;
const byteLengthOf = getter(ArrayBuffer.prototype, 'byteLength');
/** Bytes of an ArrayBuffer, or -1 for anything else. */
export const sizeOfBuffer = (value) => {
  try {
    return byteLengthOf(value);
  } catch {
    return -1;
  }
};
const isArrayBuffer = (value) => sizeOfBuffer(value) >= 0;
/** Of a typed array, whatever its class says or it was given as properties of its own. */
export const bufferOf = getter(TypedArray.prototype, 'buffer');
export const lengthOf = getter(TypedArray.prototype, 'length');
const offsetOf = getter(TypedArray.prototype, 'byteOffset');
export const sizeOfTyped = getter(TypedArray.prototype, 'byteLength');
export const bufferOfDataView = getter(DataView.prototype, 'buffer');
const offsetOfDataView = getter(DataView.prototype, 'byteOffset');
export const sizeOfDataView = getter(DataView.prototype, 'byteLength');
/** Bytes of a buffer or view, not copied; null for anything else. */
export const bytesOf = (value) => {
  if (typeof value !== 'object' || value === null) return null;
  if (isBytes(value)) return value;
  if (isTypedArray(value)) return new Bytes(bufferOf(value), offsetOf(value), sizeOfTyped(value));
  if (isView(value)) return new Bytes(bufferOfDataView(value), offsetOfDataView(value), sizeOfDataView(value));
  return isArrayBuffer(value) ? new Bytes(value) : null;
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** UTF-8 bytes of a string, in a buffer of their own. */
export const encode = TextEncoder.prototype.encode.bind(encoder);
/** Writes a string's UTF-8 bytes into `bytes`, as much as fits; `read` says how much that is in UTF-16 units. */
export const encodeInto = TextEncoder.prototype.encodeInto.bind(encoder);
/** The text of UTF-8 bytes, without a byte order mark. */
export const decode = TextDecoder.prototype.decode.bind(decoder);
export const charCode = uncurry(String.prototype.charCodeAt);
export const upperCase = uncurry(String.prototype.toUpperCase);
export const substring = uncurry(String.prototype.substring);
/** A copy in a buffer of its own. Not `slice`, which asks the bytes' class (a Buffer polyfill, say) to make it. */
export const copyBytes = (bytes, from = 0, to = lengthOf(bytes)) =>
  new Bytes(new Bytes(bufferOf(bytes), offsetOf(bytes) + from, to - from));
export const setBytes = uncurry(Uint8Array.prototype.set);

/** Several pieces of bytes as one of `length` bytes. */
export const joinBytes = (chunks, length) => {
  const whole = new Bytes(length);
  for (let i = 0, at = 0; i < chunks.length; at += lengthOf(chunks[i++])) setBytes(whole, chunks[i], at);
  return whole;
};

export const min = (a, b) => (a < b ? a : b);
export const startsWith = uncurry(String.prototype.startsWith);
export const parseJson = JSON.parse;
export const toJson = JSON.stringify;
export const resolve = Promise.resolve.bind(Promise);
export const reject = Promise.reject.bind(Promise);
export const then = uncurry(Promise.prototype.then);
const settled = Promise.resolve();
// Asked for its class by `then`, it names none, and nothing that a handler can patch is asked.
define(settled, 'constructor', undefined);
/** Runs a function as a microtask. `queueMicrotask` does the same ten times slower: it goes through the browser. */
export const microtask = (task) => void then(settled, task);

export const headersForEach = uncurry(Headers.prototype.forEach);
export const headersAppend = uncurry(Headers.prototype.append);
export const headersSet = uncurry(Headers.prototype.set);
export const headersGet = uncurry(Headers.prototype.get);
export const headersDelete = uncurry(Headers.prototype.delete);
export const headersHas = uncurry(Headers.prototype.has);
export const getSetCookie = uncurry(Headers.prototype.getSetCookie);

export const getReader = uncurry(ReadableStream.prototype.getReader);
export const isLocked = getter(ReadableStream.prototype, 'locked');
export const cancelStream = uncurry(ReadableStream.prototype.cancel);
export const readReader = uncurry(ReadableStreamDefaultReader.prototype.read);
export const cancelReader = uncurry(ReadableStreamDefaultReader.prototype.cancel);
export const closedOf = getter(ReadableStreamDefaultReader.prototype, 'closed');
