// Random values.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    uuid: () => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
    values: () => { const a = new Uint8Array(16); return [crypto.getRandomValues(a) === a, a.some((b) => b !== 0)]; },
    floats: () => crypto.getRandomValues(new Float32Array(1)),
    big: () => crypto.getRandomValues(new BigUint64Array(1)).length,
    quota: () => crypto.getRandomValues(new Uint8Array(65537)),
    limit: () => crypto.getRandomValues(new Uint8Array(65536)).length,
    buffer: () => crypto.getRandomValues(new ArrayBuffer(1)),
    dataView: () => crypto.getRandomValues(new DataView(new ArrayBuffer(1))),
    nothing: () => crypto.getRandomValues(),
    bare: () => { const { randomUUID } = crypto; return randomUUID().length; },
    tag: () => [Object.prototype.toString.call(crypto), Object.prototype.toString.call(crypto.subtle)],
    subtleSame: () => crypto.subtle === crypto.subtle,
  }),
};
