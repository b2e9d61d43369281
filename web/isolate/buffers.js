// Array buffers and typed arrays that are counted, in every way that a handler can come by one.
//
// The constructors are proxies with one trap; methods that make a new buffer past them (the engine's own choice of
// class, or a `constructor` that was tampered with) are wrapped. Results only are looked at: a size that is asked for
// may be anything, and memory that was never written costs nothing.

import {
  Bytes, NativeDOMException, TypedArray, apply, bareArray, bufferOf, bufferOfDataView, construct, defineGlobal,
  getPrototypeOf, getter, guardClass, guardGlobal, guardMethod, isTypedArray, isView, transferList, uncurry,
} from './intrinsics.js';
import { countArray, countBuffer, countTyped, drop } from './memory.js';

const NativeArrayBuffer = ArrayBuffer;
const NativeSet = Set;
const { isArray } = Array;
const hasSeen = uncurry(Set.prototype.has);
const addSeen = uncurry(Set.prototype.add);

/** How often a constructor was asked; tells whether a method went through one. */
let asked = 0;

function guardArray(name) {
  const Native = globalThis[name];
  if (Native === undefined) return;
  const size = Native.BYTES_PER_ELEMENT;
  const guarded = guardClass(Native, (_, args, newTarget) => {
    asked++;
    const first = args.length > 0 ? args[0] : 0;
    // Spelled out, the engine inlines it all: 20 ns on top of 40, and 150 with `construct`.
    const array = newTarget !== guarded
      ? construct(Native, args, newTarget)
      : args.length < 2 ? new Native(first) : new Native(first, args[1], args.length > 2 ? args[2] : undefined);
    if (typeof first === 'number') return countArray(array, first * size);
    // A view of a buffer that is there already holds nothing of its own.
    const isNew = typeof first !== 'object' || first === null || isView(first) || isArray(first)
      || bufferOf(array) !== first;
    return isNew ? countTyped(array) : array;
  });
  defineGlobal(name, guarded);
}

const ARRAYS = [
  'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
  'BigInt64Array', 'BigUint64Array', 'Float16Array', 'Float32Array', 'Float64Array',
];

/** A method of typed arrays that gives a new one. */
const guardCopy = (name) => guardMethod(TypedArray.prototype, name, (native, self, args) => {
  const before = asked;
  const array = apply(native, self, args);
  return asked === before && isTypedArray(array) ? countTyped(array) : array;
});

function guardArrayBuffer() {
  const guarded = guardClass(NativeArrayBuffer, (_, args, newTarget) => {
    asked++;
    return countBuffer(newTarget === guarded && args.length === 1
      ? new NativeArrayBuffer(args[0])
      : construct(NativeArrayBuffer, args, newTarget));
  });
  defineGlobal('ArrayBuffer', guarded);
  const { prototype } = NativeArrayBuffer;
  guardMethod(prototype, 'slice', (native, self, args) => {
    const before = asked;
    const buffer = apply(native, self, args);
    return asked === before ? countBuffer(buffer) : buffer;
  });
  for (const name of ['transfer', 'transferToFixedLength']) {
    guardMethod(prototype, name, (native, self, args) => {
      const buffer = apply(native, self, args);
      drop(self);
      return countBuffer(buffer);
    });
  }
  guardMethod(prototype, 'resize', (native, self, args) => {
    apply(native, self, args);
    drop(self);
    countBuffer(self);
  });
}

/** Counts a value that may be a buffer or a typed array. Gives it back. */
export const countValue = (value) => {
  if (typeof value !== 'object' || value === null) return value;
  return isTypedArray(value) ? countTyped(value) : countBuffer(value);
};

/** Makes a method count what it gives. */
const countResult = (object, name) =>
  guardMethod(object, name, (native, self, args) => countValue(apply(native, self, args)));

const mapForEach = uncurry(Map.prototype.forEach);
const setForEach = uncurry(Set.prototype.forEach);
const bufferPrototype = ArrayBuffer.prototype;
const mapPrototype = Map.prototype;
const setPrototype = Set.prototype;
const keysOf = Object.keys;

/**
 * Counts the buffers anywhere in what `structuredClone` made: plain data of the engine's own prototypes. `special`
 * counts what else it may have made.
 */
function countClone(clone, special) {
  const seen = new NativeSet();
  const waiting = bareArray();
  const look = (value) => {
    if (typeof value !== 'object' || value === null || hasSeen(seen, value)) return;
    addSeen(seen, value);
    waiting[waiting.length] = value;
  };
  look(clone);
  for (let i = 0; i < waiting.length; i++) {
    const value = waiting[i];
    const prototype = getPrototypeOf(value);
    if (isView(value)) look(isTypedArray(value) ? bufferOf(value) : bufferOfDataView(value));
    else if (prototype === bufferPrototype) countBuffer(value);
    else if (prototype === mapPrototype) mapForEach(value, (item, key) => { look(key); look(item); });
    else if (prototype === setPrototype) setForEach(value, look);
    else if (!special(value, prototype)) {
      const keys = keysOf(value);
      for (let k = 0; k < keys.length; k++) look(value[keys[k]]);
    }
  }
}

const brands = [
  getter(ReadableStream.prototype, 'locked'), getter(WritableStream.prototype, 'locked'),
  getter(TransformStream.prototype, 'readable'),
];
const isStream = (value) => {
  for (let i = 0; i < brands.length; i++) {
    try {
      brands[i](value);
      return true;
    } catch {
      // None of this kind.
    }
  }
  return false;
};

/**
 * The list of what is to be moved, asked for once; null without one. Streams stay: the chunks of a moved one would be out
 * of everybody's sight.
 */
function movedBy(options) {
  const asked = options?.transfer;
  if (asked === undefined) return null;
  const list = transferList();
  for (const item of asked) {
    if (isStream(item)) throw new NativeDOMException('a stream cannot be moved', 'DataCloneError');
    list[list.length] = item;
  }
  return list;
}

/** @param {(value: object, prototype: object) => boolean} special counts other things that a clone may hold */
function guardClone(special) {
  guardGlobal('structuredClone', (native, self, args) => {
    const moved = movedBy(args[1]);
    const clone = apply(native, globalThis, moved === null ? args : [args[0], { __proto__: null, transfer: moved }]);
    countClone(clone, special);
    // What was moved is counted where it is now.
    for (let i = 0; moved !== null && i < moved.length; i++) drop(moved[i]);
    return clone;
  });
}

/** Puts the counted classes and methods in place. */
export function guardBuffers(special) {
  for (const name of ARRAYS) guardArray(name);
  guardArrayBuffer();
  for (const name of ['slice', 'map', 'filter', 'toSorted', 'toReversed', 'with']) guardCopy(name);
  for (const name of ['fromBase64', 'fromHex']) countResult(Bytes, name);
  countResult(TextEncoder.prototype, 'encode');
  guardClone(special);
}
