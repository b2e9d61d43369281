// TextEncoder.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    encode: () => new TextEncoder().encode('aé😀'),
    nothing: () => [new TextEncoder().encode(), new TextEncoder().encode(undefined)],
    lone: () => new TextEncoder().encode('\ud800x'),
    encoding: () => new TextEncoder().encoding,
    into: () => { const b = new Uint8Array(4); return [new TextEncoder().encodeInto('aé😀', b), b]; },
    number: () => new TextEncoder().encode(12),
    label: () => new TextEncoder('utf-16').encoding,
  }),
};
