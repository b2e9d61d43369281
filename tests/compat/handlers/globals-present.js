// Globals that Workers have: their kinds.
import { probe } from './lib/probe.js';
const names = `AbortController AbortSignal Blob ByteLengthQueuingStrategy Cache CacheStorage CloseEvent CompressionStream
  CountQueuingStrategy Crypto CryptoKey CustomEvent DecompressionStream DOMException ErrorEvent Event EventSource EventTarget
  ExtendableEvent FetchEvent File FixedLengthStream FormData HTMLRewriter Headers IdentityTransformStream MessageChannel
  MessageEvent MessagePort Navigator Performance PromiseRejectionEvent ReadableByteStreamController ReadableStream ReadableStreamBYOBReader
  ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader Request Response ScheduledEvent
  Scheduler SubtleCrypto TailEvent TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream
  TransformStreamDefaultController URL URLPattern URLSearchParams WebSocket WebSocketPair WebSocketRequestResponsePair
  WorkerGlobalScope ServiceWorkerGlobalScope WritableStream WritableStreamDefaultController WritableStreamDefaultWriter
  addEventListener atob btoa caches clearImmediate clearInterval clearTimeout console crypto dispatchEvent fetch
  gc navigator performance queueMicrotask removeEventListener reportError scheduler self setImmediate
  setInterval setTimeout structuredClone origin`.split(/\s+/);
export default {
  fetch: () => probe({
    ...Object.fromEntries(names.map((name) => [name, () => typeof globalThis[name]])),
  }),
};
