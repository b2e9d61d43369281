// crypto.subtle.timingSafeEqual.
import { probe } from './lib/probe.js';
const bytes = (...list) => new Uint8Array(list);
export default {
  fetch: () => probe({
    equal: () => crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 2)),
    different: () => crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 3)),
    lengths: () => crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1)),
    buffers: () => crypto.subtle.timingSafeEqual(bytes(1).buffer, bytes(1)),
    empty: () => crypto.subtle.timingSafeEqual(bytes(), bytes()),
    strings: () => crypto.subtle.timingSafeEqual('a', 'a'),
    dataView: () => crypto.subtle.timingSafeEqual(new DataView(bytes(1).buffer), bytes(1)),
    u16: () => crypto.subtle.timingSafeEqual(new Uint16Array([1]), new Uint16Array([1])),
    nothing: () => crypto.subtle.timingSafeEqual(),
    length: () => crypto.subtle.timingSafeEqual.length,
  }),
};
