// Replaces Response, Request, Headers, URL and the prototypes that requests are made of.
import { born } from './lib/attack.js';

const NativeResponse = Response;
const NAMES = [
  'Response', 'Request', 'Headers', 'URL', 'ReadableStream', 'Blob', 'AbortController', 'DOMException',
  'MessageChannel',
];
for (const name of NAMES) {
  const Native = globalThis[name];
  for (const key of Reflect.ownKeys(Native.prototype)) {
    const own = Reflect.getOwnPropertyDescriptor(Native.prototype, key);
    if (key === 'constructor' || !own.configurable ) continue;
    const broken = function evil() { throw new Error(`${name}.${String(key)} was broken by me`); };
    if (typeof own.value === 'function') Reflect.defineProperty(Native.prototype, key, { ...own, value: broken });
    else if (own.get) Reflect.defineProperty(Native.prototype, key, { ...own, get: broken });
  }
  globalThis[name] = class Evil { constructor() { throw new Error(`${name} was broken by me`); } };
}

export default { fetch: () => new NativeResponse(`{"born":"${born}"}`) };
