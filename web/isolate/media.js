// Pixels, counted; canvases that are drawn by the isolate's own thread.
//
// Pixels are not in the JavaScript heap. Nothing runs on the graphics processor: no limit would reach it there, and one
// that hangs takes the contributor's screen with it.

import {
  Bytes, NativeBlob, NativeDOMException, apply, construct, defineGlobal, getter, guardClass, guardGlobal, guardMethod,
  guardSetter, then,
} from './intrinsics.js';
import { countBlob, readBlob, sliceBlob } from './blobs.js';
import { pixelsOf } from './image-size.js';
import { countObject, countTyped, drop, guard } from './memory.js';

const { ImageBitmap, ImageData, OffscreenCanvas, OffscreenCanvasRenderingContext2D: Context } = globalThis;
const isHere = [ImageBitmap, ImageData, OffscreenCanvas, Context].every((it) => typeof it === 'function');
const BYTES_PER_PIXEL = 4;
/** First bytes of a picture that are looked at; the whole file if its size is not among them. */
const HEAD = 64 * 1024;

const field = (Class, name) => (isHere ? getter(Class.prototype, name) : null);
const pixelsOfData = field(ImageData, 'data');
const bitmapWidth = field(ImageBitmap, 'width');
const bitmapHeight = field(ImageBitmap, 'height');
const canvasWidth = field(OffscreenCanvas, 'width');
const canvasHeight = field(OffscreenCanvas, 'height');

const countData = (data) => {
  countTyped(pixelsOfData(data));
  return data;
};
const countBitmap = (bitmap) => {
  countObject(bitmap, bitmapWidth(bitmap) * bitmapHeight(bitmap) * BYTES_PER_PIXEL);
  return bitmap;
};
const countCanvas = (canvas) => {
  drop(canvas);
  countObject(canvas, canvasWidth(canvas) * canvasHeight(canvas) * BYTES_PER_PIXEL);
  return canvas;
};

/** Counts what a clone may hold of these. Says whether it did. */
export const countPicture = (value, prototype) => {
  if (!isHere) return false;
  if (prototype === ImageData.prototype) countData(value);
  else if (prototype === ImageBitmap.prototype) countBitmap(value);
  else return false;
  return true;
};

const undecodable = () => new NativeDOMException('The source image could not be decoded.', 'InvalidStateError');

/** Settles when the blob's picture may be decoded. */
async function checkPicture(blob) {
  let pixels = pixelsOf(new Bytes(await readBlob(sliceBlob(blob, 0, HEAD))));
  if (pixels < 0) pixels = pixelsOf(new Bytes(await readBlob(blob)));
  if (pixels <= 0) throw undecodable();
  guard(pixels * BYTES_PER_PIXEL);
}

function guardCanvas() {
  defineGlobal('OffscreenCanvas', guardClass(OffscreenCanvas, (_, args, newTarget) =>
    countCanvas(construct(OffscreenCanvas, args, newTarget))));
  const { prototype } = OffscreenCanvas;
  guardSetter(prototype, 'width', countCanvas);
  guardSetter(prototype, 'height', countCanvas);
  guardMethod(prototype, 'getContext', (native, self, args) => {
    if (args.length === 0 || `${args[0]}` !== '2d') return null;
    const asked = args[1] ?? {};
    const { alpha, colorSpace } = asked;
    // Drawn here and now, in memory of this process.
    const options = { __proto__: null, willReadFrequently: true };
    if (alpha !== undefined) options.alpha = alpha;
    if (colorSpace !== undefined) options.colorSpace = colorSpace;
    return apply(native, self, ['2d', options]);
  });
  guardMethod(prototype, 'convertToBlob', (native, self, args) => then(apply(native, self, args), countBlob));
  guardMethod(prototype, 'transferToImageBitmap', (native, self, args) => countBitmap(apply(native, self, args)));
  for (const name of ['getImageData', 'createImageData']) {
    guardMethod(Context.prototype, name, (native, self, args) => countData(apply(native, self, args)));
  }
}

/** Puts the counted classes and functions in place. */
export function guardMedia() {
  if (!isHere) return;
  guardCanvas();
  defineGlobal('ImageData', guardClass(ImageData, (_, args, newTarget) =>
    countData(construct(ImageData, args, newTarget))));
  guardMethod(ImageBitmap.prototype, 'close', (native, self, args) => {
    apply(native, self, args);
    drop(self);
  });
  const sizeOfBlob = getter(NativeBlob.prototype, 'size');
  const isBlob = (value) => {
    try {
      return sizeOfBlob(value) >= 0;
    } catch {
      return false;
    }
  };
  guardGlobal('createImageBitmap', (native, self, args) => {
    const make = () => then(apply(native, globalThis, args), countBitmap);
    return isBlob(args[0]) ? then(checkPicture(args[0]), make) : make();
  });
}
