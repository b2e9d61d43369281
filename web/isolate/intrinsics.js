// The browser's own functions, captured before any handler code runs.
//
// A handler may replace or patch anything it can reach (`Array.prototype.push`, `Promise.prototype.then`, a polyfill of
// `Response`). What serves its requests uses these instead, so a patch changes the handler and not the protocol.
// Nothing here may give power that lockdown.js takes away: handler code could import this module by its URL.

const { getOwnPropertyDescriptor, setPrototypeOf } = Reflect;

/** `uncurry(f)(self, ...args)` is `self.f(...args)`, whatever became of `f`'s place on the prototype. */
export const uncurry = Function.prototype.bind.bind(Function.prototype.call);

/** The getter of an accessor property, taking the object as its argument. */
export const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);

/** An array that inherits nothing: setters put on `Array.prototype` or `Object.prototype` cannot see it. */
export const bareArray = () => {
  const array = [];
  setPrototypeOf(array, null);
  return array;
};

/** A Map whose methods are its own. */
export const ownMap = () => {
  const map = new Map();
  const { get, set, delete: remove, forEach } = Map.prototype;
  return Object.assign(map, { get, set, delete: remove, forEach });
};

export const microtask = queueMicrotask.bind(globalThis);
export const NativeResponse = Response;
export const NativeHeaders = Headers;
export const NativeURL = URL;
export const NativeBlob = Blob;
export const NativeStream = ReadableStream;
export const NativePromise = Promise;
export const NativeTypeError = TypeError;
export const Bytes = Uint8Array;

export const isView = ArrayBuffer.isView;
const typedArrayName = getter(Reflect.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);
/** Whether a value is a Uint8Array (or a class of its kind), without asking `instanceof`, which can be redefined. */
export const isBytes = (value) => typeof value === 'object' && value !== null && typedArrayName(value) === 'Uint8Array';
export const isArrayBuffer = (value) => {
  try {
    byteLengthOf(value);
    return true;
  } catch {
    return false;
  }
};
const byteLengthOf = getter(ArrayBuffer.prototype, 'byteLength');
/** The buffer of a typed array. */
export const bufferOf = getter(Reflect.getPrototypeOf(Uint8Array.prototype), 'buffer');

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** UTF-8 bytes of a string, in a buffer of their own. */
export const encode = TextEncoder.prototype.encode.bind(encoder);
/** The text of UTF-8 bytes, without a byte order mark. */
export const decode = TextDecoder.prototype.decode.bind(decoder);
/** A copy in a buffer of its own. Not `slice`, which asks the bytes' class (a Buffer polyfill, say) to make it. */
export const copyBytes = (bytes, from = 0, to = bytes.length) =>
  new Bytes(new Bytes(bufferOf(bytes), bytes.byteOffset + from, to - from));
export const setBytes = uncurry(Uint8Array.prototype.set);

export const min = (a, b) => (a < b ? a : b);
export const parseJson = JSON.parse;
export const toJson = JSON.stringify;
export const resolve = Promise.resolve.bind(Promise);
export const reject = Promise.reject.bind(Promise);
export const then = uncurry(Promise.prototype.then);

export const headersForEach = uncurry(Headers.prototype.forEach);
export const headersAppend = uncurry(Headers.prototype.append);
export const headersSet = uncurry(Headers.prototype.set);
export const headersGet = uncurry(Headers.prototype.get);
export const headersHas = uncurry(Headers.prototype.has);

export const getReader = uncurry(ReadableStream.prototype.getReader);
export const isLocked = getter(ReadableStream.prototype, 'locked');
export const cancelStream = uncurry(ReadableStream.prototype.cancel);
export const readReader = uncurry(ReadableStreamDefaultReader.prototype.read);
export const cancelReader = uncurry(ReadableStreamDefaultReader.prototype.cancel);
