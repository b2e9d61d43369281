// A body of every kind, read in every way.
const kinds = {
  string: () => 'añ😀', bytes: () => new Uint8Array([1, 2, 250]), buffer: () => new Uint8Array([3, 4]).buffer,
  view: () => new DataView(new Uint8Array([5, 6, 7, 8]).buffer, 1, 2), u16: () => new Uint16Array([258]), params: () => new URLSearchParams({ a: '1 2' }),
  blob: () => new Blob(['ab', new Uint8Array([99])]), none: () => null, empty: () => '',
  stream: () => new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65, 66])); c.enqueue(new Uint8Array([67])); c.close(); } }),
};
import { outcome } from './lib/probe.js';
export default {
  async fetch() {
    const all = {};
    for (const [name, make] of Object.entries(kinds)) {
      for (const how of ['text', 'arrayBuffer', 'bytes', 'json']) all[`${name}.${how}`] = await outcome(() => new Response(make())[how]());
      all[`${name}.blob`] = await outcome(async () => { const b = await new Response(make()).blob(); return [b.size, b.type, await b.text()]; });
    }
    return Response.json(all);
  },
};
