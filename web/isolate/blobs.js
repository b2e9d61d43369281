// Blobs and files, counted: their bytes are kept by the browser's own process. What is read out of them is counted too.

import {
  apply, construct, define, defineGlobal, getter, guardClass, guardMethod, setPrototypeOf, then, uncurry,
} from './intrinsics.js';
import { countValue } from './buffers.js';
import { countedStream } from './byte-streams.js';
import { countObject } from './memory.js';

const { Blob: NativeBlob, File: NativeFile } = globalThis;
const sizeOfBlob = getter(NativeBlob.prototype, 'size');
const streamOfBlob = uncurry(NativeBlob.prototype.stream);
/** The browser's own, for us. */
export const readBlob = uncurry(NativeBlob.prototype.arrayBuffer);
export const sliceBlob = uncurry(NativeBlob.prototype.slice);

/** Counts a blob. Gives it back. */
export const countBlob = (blob) => {
  countObject(blob, sizeOfBlob(blob));
  return blob;
};

/** Puts the counted classes in place. */
export function guardBlobs() {
  const guarded = guardClass(NativeBlob, (_, args, newTarget) => countBlob(construct(NativeBlob, args, newTarget)));
  defineGlobal('Blob', guarded);
  defineGlobal('File', guardClass(NativeFile, (_, args, newTarget) =>
    countBlob(construct(NativeFile, args, newTarget))));
  // `Object.getPrototypeOf(File)` would be the original.
  setPrototypeOf(NativeFile, guarded);
  for (const name of ['arrayBuffer', 'bytes']) {
    guardMethod(NativeBlob.prototype, name, (native, self, args) => then(apply(native, self, args), countValue));
  }
  define(NativeBlob.prototype, 'stream', function stream() { return countedStream(streamOfBlob(this)); });
}
