// Blob: parts, slices, streams.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    text: () => new Blob(['a', new Uint8Array([98]), new Blob(['c']), new Uint8Array([100]).buffer]).text(),
    size: () => new Blob(['é']).size,
    type: () => new Blob([], { type: 'TEXT/Plain; Charset=X' }).type,
    badType: () => new Blob([], { type: 'é' }).type,
    slice: () => new Blob(['abcdef']).slice(1, 3).text(),
    sliceNegative: () => new Blob(['abcdef']).slice(-2).text(),
    sliceType: () => new Blob(['abcdef'], { type: 'a/b' }).slice(0, 1, 'c/d').type,
    buffer: () => new Blob(['ab']).arrayBuffer(),
    bytes: () => new Blob(['ab']).bytes(),
    stream: async () => new Response(new Blob(['ab']).stream()).text(),
    number: () => new Blob([1, null]).text(),
    noArray: () => new Blob('ab'),
    empty: () => new Blob().size,
    iterable: () => new Blob(new Set(['a', 'b'])).text(),
    tag: () => Object.prototype.toString.call(new Blob()),
  }),
};
