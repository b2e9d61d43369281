// TransformStream.
import { probe } from './lib/probe.js';
const collect = async (stream) => { const out = []; for await (const chunk of stream) out.push(chunk); return out; };
const through = (transformer, ...chunks) => collect(ReadableStream.from(chunks).pipeThrough(new TransformStream(transformer)));
export default {
  fetch: () => probe({
    identity: () => through(undefined, 1, 2),
    map: () => through({ transform(chunk, c) { c.enqueue(chunk * 2); } }, 1, 2),
    flush: () => through({ flush(c) { c.enqueue('end'); } }, 1),
    start: () => through({ start(c) { c.enqueue('begin'); } }, 1),
    async: () => through({ async transform(chunk, c) { await null; c.enqueue(chunk); } }, 1, 2),
    terminate: () => through({ transform(chunk, c) { c.enqueue(chunk); c.terminate(); } }, 1, 2),
    error: () => through({ transform() { throw new RangeError('x'); } }, 1),
    controllerError: () => through({ transform(chunk, c) { c.error(new RangeError('x')); } }, 1),
    drop: () => through({ transform() {} }, 1, 2),
    asText: async () => new Response(ReadableStream.from(['a', 'b']).pipeThrough(new TextEncoderStream()).pipeThrough(new TransformStream())).text(),
    writer: async () => { const { readable, writable } = new TransformStream(); const w = writable.getWriter(); w.write('a'); w.close(); return collect(readable); },
    backpressure: async () => { const { writable } = new TransformStream(); const w = writable.getWriter(); return w.desiredSize; },
    badType: () => new TransformStream({ readableType: 'bytes' }),
    tag: () => Object.prototype.toString.call(new TransformStream()),
  }),
};
