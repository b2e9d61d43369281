// Takes the browser's powers away from the global scope of an isolate before handler code loads.
//
// An allowlist, because browsers keep adding: whatever is not named below does not exist for a handler, neither on the
// global object nor on its prototypes. The Content-Security-Policy of the isolate stands behind this and refuses the
// network on its own; what it does not cover (storage shared by the tenant's isolates, nested Workers, devices, the
// messages of the frame) ends here. Must run while modules are evaluated, before the port arrives.

import { guardBlobs } from './blobs.js';
import { guardBuffers } from './buffers.js';
import { addBytePipes } from './byte-pipes.js';
import { guardByteStreams } from './byte-streams.js';
import { guardCodeGeneration } from './codegen.js';
import { guardCompression } from './compression.js';
import { guardCrypto } from './crypto.js';
import { addDigests } from './digest-stream.js';
import { guardHeaders } from './headers.js';
import { NativeTypeError, bytesOf, define, defineGlobal, lengthOf } from './intrinsics.js';
import { countPicture, guardMedia } from './media.js';
import { replaceScope } from './scope.js';
import { addToStreams } from './streams.js';
import { guardTasks } from './tasks.js';
import { guardWasm } from './wasm.js';

const names = (text) => text.split(/\s+/).filter(Boolean);

const KEPT = new Set(names(`
  Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp
  Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError globalThis
  JSON Math Intl ArrayBuffer Atomics Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array BigUint64Array
  BigInt64Array Uint8ClampedArray Float16Array Float32Array Float64Array DataView Map BigInt Set Iterator AsyncIterator
  WeakMap WeakSet Proxy Reflect FinalizationRegistry WeakRef DisposableStack AsyncDisposableStack AsyncContext Temporal
  decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN WebAssembly

  self console performance crypto navigator Navigator Performance
  atob btoa queueMicrotask reportError structuredClone setTimeout clearTimeout setInterval clearInterval
  createImageBitmap constructor

  Headers Request Response FormData Blob File URL URLSearchParams URLPattern
  TextEncoder TextEncoderStream TextDecoder TextDecoderStream CompressionStream DecompressionStream
  ReadableStream ReadableStreamDefaultReader ReadableStreamDefaultController ReadableStreamBYOBReader
  ReadableStreamBYOBRequest ReadableByteStreamController WritableStream WritableStreamDefaultWriter
  WritableStreamDefaultController TransformStream TransformStreamDefaultController ByteLengthQueuingStrategy
  CountQueuingStrategy AbortController AbortSignal DOMException QuotaExceededError
  Event EventTarget CustomEvent MessageEvent ErrorEvent CloseEvent ProgressEvent PromiseRejectionEvent
  MessageChannel MessagePort Crypto SubtleCrypto CryptoKey WorkerGlobalScope

  OffscreenCanvas OffscreenCanvasRenderingContext2D ImageBitmap ImageData Path2D CanvasGradient CanvasPattern
  TextMetrics DOMMatrix DOMMatrixReadOnly DOMPoint DOMPointReadOnly DOMQuad DOMRect DOMRectReadOnly
`));

/** If one of these survives, the isolate must not start. */
const MUST_GO = names(`
  postMessage onmessage close name importScripts Worker SharedWorker indexedDB caches BroadcastChannel WebSocket
  WebSocketStream EventSource WebTransport XMLHttpRequest RTCPeerConnection Notification webkitRequestFileSystem
  webkitRequestFileSystemSync SharedArrayBuffer location GPU WebGLRenderingContext FontFace VideoDecoder ImageDecoder
`);

function sweep() {
  for (let object = globalThis; object !== EventTarget.prototype; object = Reflect.getPrototypeOf(object)) {
    for (const key of Object.getOwnPropertyNames(object)) {
      if (!KEPT.has(key)) Reflect.deleteProperty(object, key);
    }
  }
  for (const key of MUST_GO) {
    if (key in globalThis) throw new Error(`the isolate could not give up ${key}`);
  }
}

const asBytes = (value) => {
  const bytes = bytesOf(value);
  if (bytes === null) throw new NativeTypeError('timingSafeEqual needs ArrayBuffers or views');
  return bytes;
};

function addTimingSafeEqual() {
  define(SubtleCrypto.prototype, 'timingSafeEqual', (a, b) => {
    const left = asBytes(a);
    const right = asBytes(b);
    const length = lengthOf(left);
    if (length !== lengthOf(right)) throw new NativeTypeError('Input buffers must have the same byte length.');
    let difference = 0;
    for (let i = 0; i < length; i++) difference |= left[i] ^ right[i];
    return difference === 0;
  });
}

/** A blob's URL could be imported, which would run code and wasm that nobody looked at. */
function removeBlobUrls() {
  Reflect.deleteProperty(URL, 'createObjectURL');
  Reflect.deleteProperty(URL, 'revokeObjectURL');
}

/**
 * Makes this Worker's global scope that of a handler. Throws where the browser does not let go of a power.
 *
 * @param {{
 *   Request: Function, Response: Function, WebSocket: Function, WebSocketPair: Function, HTMLRewriter: Function,
 * }} classes server-grade classes to put in place of the browser's
 * @param {{begin: () => void, add: (milliseconds: number) => void}} clock told of turns, and of work on other threads
 */
export function lockdown(classes, clock) {
  replaceScope();
  sweep();
  removeBlobUrls();
  defineGlobal('Request', classes.Request);
  defineGlobal('Response', classes.Response);
  defineGlobal('WebSocket', classes.WebSocket);
  defineGlobal('WebSocketPair', classes.WebSocketPair);
  defineGlobal('HTMLRewriter', classes.HTMLRewriter);
  addTimingSafeEqual();
  guardHeaders();
  guardCodeGeneration();
  guardBuffers(countPicture);
  guardByteStreams();
  guardBlobs();
  guardMedia();
  guardCompression();
  guardCrypto(clock.add);
  addDigests();
  addBytePipes();
  addToStreams();
  guardWasm();
  guardTasks(clock.begin);
}
