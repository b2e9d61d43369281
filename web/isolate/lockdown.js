// Takes the browser's powers away from the global scope of an isolate before handler code loads.
//
// An allowlist, because browsers keep adding: whatever is not named below does not exist for a handler, neither on the
// global object nor on its prototypes. The Content-Security-Policy of the isolate stands behind this and refuses the
// network on its own; what it does not cover (storage shared by the tenant's isolates, nested Workers, devices, the
// messages of the frame) ends here. Must run while modules are evaluated, before the port arrives.

import { NativeTypeError, reject } from './intrinsics.js';

const names = (text) => text.split(/\s+/).filter(Boolean);

const KEPT = new Set(names(`
  Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp
  Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError globalThis
  JSON Math Intl ArrayBuffer Atomics Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array BigUint64Array
  BigInt64Array Uint8ClampedArray Float16Array Float32Array Float64Array DataView Map BigInt Set Iterator AsyncIterator
  WeakMap WeakSet Proxy Reflect FinalizationRegistry WeakRef DisposableStack AsyncDisposableStack AsyncContext Temporal
  decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN WebAssembly

  self console performance crypto scheduler fonts navigator isSecureContext crossOriginIsolated
  atob btoa queueMicrotask reportError structuredClone setTimeout clearTimeout setInterval clearInterval
  createImageBitmap constructor

  Headers Request Response FormData Blob File FileList FileReader FileReaderSync URL URLSearchParams URLPattern
  TextEncoder TextEncoderStream TextDecoder TextDecoderStream CompressionStream DecompressionStream
  ReadableStream ReadableStreamDefaultReader ReadableStreamDefaultController ReadableStreamBYOBReader
  ReadableStreamBYOBRequest ReadableByteStreamController WritableStream WritableStreamDefaultWriter
  WritableStreamDefaultController TransformStream TransformStreamDefaultController ByteLengthQueuingStrategy
  CountQueuingStrategy AbortController AbortSignal DOMException QuotaExceededError
  Event EventTarget CustomEvent MessageEvent ErrorEvent CloseEvent ProgressEvent PromiseRejectionEvent
  MessageChannel MessagePort Crypto SubtleCrypto CryptoKey WorkerGlobalScope Observable Subscriber
  Scheduler TaskController TaskSignal TaskPriorityChangeEvent
  Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList

  OffscreenCanvas OffscreenCanvasRenderingContext2D ImageBitmap ImageBitmapRenderingContext ImageData Path2D
  CanvasGradient CanvasPattern TextMetrics FontFace FontFaceSet DOMMatrix DOMMatrixReadOnly DOMPoint DOMPointReadOnly
  DOMQuad DOMRect DOMRectReadOnly ImageDecoder ImageTrack ImageTrackList VideoFrame VideoColorSpace VideoDecoder
  VideoEncoder AudioData AudioDecoder AudioEncoder EncodedVideoChunk EncodedAudioChunk WGSLLanguageFeatures
`));
const KEPT_FAMILY = /^(GPU|WebGL)/;

/** If one of these survives, the isolate must not start. */
const MUST_GO = names(`
  postMessage onmessage close name importScripts Worker SharedWorker indexedDB caches BroadcastChannel WebSocket
  WebSocketStream EventSource WebTransport XMLHttpRequest RTCPeerConnection Notification webkitRequestFileSystem
  webkitRequestFileSystemSync
`);

function sweep() {
  for (let object = globalThis; object !== EventTarget.prototype; object = Reflect.getPrototypeOf(object)) {
    for (const key of Object.getOwnPropertyNames(object)) {
      if (!KEPT.has(key) && !KEPT_FAMILY.test(key)) Reflect.deleteProperty(object, key);
    }
  }
  for (const key of MUST_GO) {
    if (key in globalThis) throw new Error(`the isolate could not give up ${key}`);
  }
}

const define = (object, name, value) =>
  Reflect.defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });

/**
 * `userAgent` is the one that code written for Workers looks for: Hono's runtime key, SDKs and database drivers choose
 * their Workers paths by it, and Tabmesh runs that code unmodified. Storage, locks and devices are absent, and so is
 * everything that tells the contributor's machines apart but the GPU, which handlers may compute on.
 */
function replaceNavigator() {
  const { gpu } = navigator;
  class Navigator {
    get userAgent() { return 'Cloudflare-Workers'; }
    get language() { return 'en'; }
    get languages() { return ['en']; }
    get hardwareConcurrency() { return 1; }
    get gpu() { return gpu; }
  }
  const value = new Navigator();
  Reflect.deleteProperty(WorkerGlobalScope.prototype, 'navigator');
  define(globalThis, 'navigator', value);
}

/** A task of its own, without the 4 ms that browsers add to nested timers. */
function addImmediates() {
  const waiting = new Map();
  const { port1, port2 } = new MessageChannel();
  let last = 0;
  port1.onmessage = ({ data }) => {
    const task = waiting.get(data);
    waiting.delete(data);
    task?.();
  };
  define(globalThis, 'setImmediate', (callback, ...args) => {
    if (typeof callback !== 'function') throw new TypeError('setImmediate needs a function');
    waiting.set(++last, () => callback(...args));
    port2.postMessage(last);
    return last;
  });
  define(globalThis, 'clearImmediate', (id) => void waiting.delete(id));
}

function addSchedulerWait() {
  if (!('scheduler' in globalThis)) define(globalThis, 'scheduler', {});
  const { setTimeout, clearTimeout, Promise } = globalThis;
  define(scheduler, 'wait', (milliseconds, options) => new Promise((done, failed) => {
    const signal = options?.signal;
    if (signal?.aborted) {
      failed(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      failed(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      done();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  }));
}

const asBytes = (value) => {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError('timingSafeEqual needs ArrayBuffers or views');
};

function addTimingSafeEqual() {
  define(SubtleCrypto.prototype, 'timingSafeEqual', (a, b) => {
    const left = asBytes(a);
    const right = asBytes(b);
    if (left.length !== right.length) throw new TypeError('Input buffers must have the same byte length');
    let difference = 0;
    for (let i = 0; i < left.length; i++) difference |= left[i] ^ right[i];
    return difference === 0;
  });
}

/** The browser takes only its own Response here, and handlers have ours. */
function adaptWasmStreaming() {
  const { compile, instantiate } = WebAssembly;
  define(WebAssembly, 'compileStreaming', async (source) => compile(await (await source).arrayBuffer()));
  define(WebAssembly, 'instantiateStreaming', async (source, imports) =>
    instantiate(await (await source).arrayBuffer(), imports));
}

/**
 * Makes this Worker's global scope that of a handler. Throws where the browser does not let go of a power.
 *
 * @param {{Request: Function, Response: Function}} classes server-grade classes to put in place of the browser's
 */
export function lockdown(classes) {
  replaceNavigator();
  sweep();
  // Workers call it from anywhere, so it exists; it answers as a network that is down would.
  define(globalThis, 'fetch', () => reject(new NativeTypeError('outbound fetch is not available yet')));
  define(globalThis, 'Request', classes.Request);
  define(globalThis, 'Response', classes.Response);
  addImmediates();
  addSchedulerWait();
  addTimingSafeEqual();
  adaptWasmStreaming();
}
