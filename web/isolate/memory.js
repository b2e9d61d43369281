// What this isolate holds outside its JavaScript heap: array buffers, wasm memories, blobs, pixels. Nobody else can
// see it, so it is counted where it is made.
//
// Large things are counted one by one. Of small ones, one in so many bytes is picked at random and stands for all of
// them, which costs a subtraction for the rest and is right on average. What is collected is subtracted when the engine
// says so, which it never does within a turn: the bound leaves room for that much garbage.
//
// State lives in here and is armed once, before handler code runs. Whoever calls `count` from a handler harms itself.

import { NativeRangeError, bufferOf, ownWeakMap, sizeOfBuffer, sizeOfTyped } from './intrinsics.js';

const { ceil } = Math;
const MIB = 1024 * 1024;
/** From this size, in bytes, everything is counted by itself. */
export const LARGE = 64 * 1024;
/** Bytes that one counted small thing stands for, on average the distance to the next. */
const STRIDE = 128 * 1024;
/** Typed arrays up to this size, in bytes, are in the JavaScript heap (in Firefox some larger ones too). */
const INLINE = 64;
/** Garbage that one turn may leave on top of twice the limit, in bytes. */
const SLACK = 128 * MIB;

const MESSAGE = 'Array buffer allocation failed';

let limit = Infinity;
let bound = Infinity;
let onBreach = null;
/** Looks again at what may have become less; null while it does. */
let recount = () => {};
let isOver = false;
/** Bytes in counted things that live, and in wasm memories when last looked at. */
let held = 0;
let inWasm = 0;

const weights = ownWeakMap();
const companions = ownWeakMap();
const NativeArrayBuffer = ArrayBuffer;
const registry = new FinalizationRegistry((weight) => { held -= weight; });
const register = registry.register.bind(registry);
const unregister = registry.unregister.bind(registry);

// Not Math.random, whose next values can be computed from its last ones: then the picked ones could be avoided.
const seed = crypto.getRandomValues(new Uint32Array(1));
let state = seed[0] | 1;
const stride = () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % (2 * STRIDE);
};
let left = stride();

/**
 * Sets the limit. Once.
 *
 * @param {number} bytes that may be held
 * @param {(detail: string) => void} breach told once, at the first thing too many
 */
export function armMemory(bytes, breach) {
  if (onBreach !== null || !(bytes > 0)) return;
  limit = bytes;
  bound = 2 * bytes + SLACK;
  onBreach = breach;
  guard(0);
}

const over = (detail) => {
  if (!isOver) {
    isOver = true;
    onBreach?.(detail);
  }
  throw new NativeRangeError(MESSAGE);
};

const inMib = (bytes) => `${ceil(bytes / MIB)} MiB`;

/** Throws, and ends the isolate, where `size` more bytes are too many. For things to be made. */
export function guard(size) {
  if (isOver) throw new NativeRangeError(MESSAGE);
  if (size > limit) over(`one piece of ${inMib(size)} where ${inMib(limit)} are allowed`);
  if (held + inWasm + size <= bound || recount === null) return;
  const look = recount;
  recount = null;
  look();
  recount = look;
  if (held + inWasm + size > bound) over(`${inMib(held + inWasm + size)} held where ${inMib(limit)} are allowed`);
}

/** Sets what is called before the isolate is ended for what it holds; it may count less by `countAs`. */
export const onRecount = (look) => { recount = look; };

/** Counts `weight` bytes as held as long as `object` lives, once. */
export function hold(object, weight) {
  if (weights.has(object)) return;
  weights.set(object, weight);
  register(object, weight, object);
  held += weight;
  if (weight > limit) guard(weight);
  else guard(0);
}

/** What `object` was counted for is gone though it may live on: transferred, closed, resized. */
export function drop(object) {
  const weight = weights.get(object);
  if (weight === undefined) return;
  weights.delete(object);
  companions.delete(object);
  unregister(object);
  held -= weight;
}

/** Whether a small thing of `size` bytes is the one that stands for its neighbours. */
const isPicked = (size) => {
  left -= size;
  if (left > 0) return false;
  left += stride() + 1;
  return true;
};

/** Counts a thing of `size` bytes. */
function count(object, size) {
  if (size >= LARGE) hold(object, size);
  else if (isPicked(size)) hold(object, STRIDE);
}

/**
 * Counts `object` as `size` bytes from now on, whatever it was counted as.
 *
 * @param {number} growth bytes of it that are new, where it was called before
 */
export function countAs(object, size, growth) {
  const weight = weights.get(object) ?? 0;
  if (size >= LARGE) {
    if (size - weight < LARGE && weight - size < LARGE) return;
    drop(object);
    hold(object, size);
  } else if (weight > STRIDE || size === 0) {
    drop(object);
    if (isPicked(size)) hold(object, STRIDE);
  } else if (isPicked(growth)) {
    hold(object, STRIDE);
  }
}

/**
 * The engine does not know how much hangs on `object` and would be in no hurry to collect it. So it gets a buffer of
 * that size as a companion; nobody writes to it, and it takes no memory.
 */
export const weighDown = (object, size) => void companions.set(object, new NativeArrayBuffer(size));

/** Counts a thing of `size` bytes that is not a buffer: a blob, pixels. */
export function countObject(object, size) {
  count(object, size);
  if (size >= LARGE) weighDown(object, size);
}

/** Ends the isolate for holding too many of something. Throws. */
export const exceed = (detail) => over(detail);

/** Counts an ArrayBuffer; anything else is ignored. Gives it back. */
export function countBuffer(buffer) {
  const size = sizeOfBuffer(buffer);
  if (size >= 0) count(buffer, size);
  return buffer;
}

/** Counts the buffer of a typed array that was made with it, of `size` bytes. Gives the array back. */
export function countArray(array, size) {
  if (size >= LARGE) hold(bufferOf(array), size);
  else if (size > INLINE && isPicked(size)) hold(bufferOf(array), STRIDE);
  return array;
}

/** The same, for arrays whose size is not at hand. */
export const countTyped = (array) => countArray(array, sizeOfTyped(array));

/** Says how much is in wasm memories. Throws as `guard` does when it is more than before. */
export function setWasm(bytes) {
  const isMore = bytes > inWasm;
  inWasm = bytes;
  if (isMore) guard(0);
}

/** The limit, in bytes. */
export const memoryLimit = () => limit;
/** Bytes held, as far as they are counted. */
export const heldBytes = () => held + inWasm;
