// CompressionStream and DecompressionStream.
import { probe } from './lib/probe.js';
const zip = (format, text) => new Response(new Response(text).body.pipeThrough(new CompressionStream(format))).bytes();
const unzip = (format, bytes) => new Response(new Response(bytes).body.pipeThrough(new DecompressionStream(format))).text();
const ways = ['gzip', 'deflate', 'deflate-raw'];
export default {
  fetch: () => probe({
    roundTrip: async () => Promise.all(ways.map(async (way) => unzip(way, await zip(way, 'hello '.repeat(1000))))).then((all) => all.map((t) => t.length)),
    empty: async () => Promise.all(ways.map(async (way) => unzip(way, await zip(way, '')))),
    gzipMagic: async () => (await zip('gzip', 'x')).slice(0, 3),
    deflateMagic: async () => (await zip('deflate', 'x'))[0],
    wrongFormat: () => new CompressionStream('br2'),
    brotli: async () => unzip('brotli', await zip('brotli', 'hello')),
    noFormat: () => new CompressionStream(),
    garbage: () => unzip('gzip', new Uint8Array([1, 2, 3])),
    truncated: async () => unzip('gzip', (await zip('gzip', 'hello')).slice(0, -4)),
    trailing: async () => unzip('gzip', new Uint8Array([...await zip('gzip', 'hello'), 1])),
    unzipWrong: async () => unzip('deflate', await zip('gzip', 'hello')),
    string: async () => { const s = new CompressionStream('gzip'); s.readable.getReader().read().catch(() => {}); return s.writable.getWriter().write('x').then(() => 'written'); },
    buffer: async () => { const s = new CompressionStream('gzip'); const w = s.writable.getWriter(); w.write(new Uint8Array([1]).buffer); w.close(); return unzip('gzip', await new Response(s.readable).bytes()); },
    tag: () => [Object.prototype.toString.call(new CompressionStream('gzip')), Object.prototype.toString.call(new DecompressionStream('gzip'))],
  }),
};
