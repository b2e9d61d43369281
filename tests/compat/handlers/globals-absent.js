// Globals of pages and other runtimes that Workers lack.
import { probe } from './lib/probe.js';
const names = `window document location Window XMLHttpRequest Worker SharedWorker importScripts indexedDB localStorage sessionStorage
  Image Audio Notification RTCPeerConnection WebTransport BroadcastChannel alert require module exports __dirname Deno Bun
  OffscreenCanvas createImageBitmap ImageData postMessage close name onmessage crossOriginIsolated isSecureContext`.split(/\s+/);
export default {
  fetch: () => probe({
    ...Object.fromEntries(names.map((name) => [name, () => typeof globalThis[name]])),
  }),
};
