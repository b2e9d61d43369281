// Answers with streams that lie: chunks that are no bytes, buffers that shrink or detach while they are sent.
import { attack } from './lib/attack.js';

const chunks = [
  () => 'text', () => 1, () => null, () => ({ length: 5, buffer: new ArrayBuffer(5), byteLength: 5 }), () => [1, 2, 3],
  () => new Proxy(new Uint8Array(4), {}),
  () => {
    const buffer = new ArrayBuffer(16, { maxByteLength: 64 });
    const view = new Uint8Array(buffer);
    queueMicrotask(() => buffer.resize(0));
    return view;
  },
  () => {
    const view = new Uint8Array(1 << 17);
    queueMicrotask(() => structuredClone(view, { transfer: [view.buffer] }));
    return view;
  },
  () => {
    const view = new Uint8Array(8);
    const giant = { value: 1 << 30 };
    Object.defineProperties(view, { length: giant, byteLength: giant, buffer: { value: {} } });
    return view;
  },
  () => class extends Uint8Array { static get [Symbol.species]() { throw new Error('species'); } }.from([1, 2]),
];
let turn = 0;

export default attack(() => {
  const make = chunks[turn++ % chunks.length];
  let left = 3;
  return new Response(new ReadableStream({
    pull(controller) {
      if (left-- === 0) controller.close();
      else controller.enqueue(make());
    },
  }));
});
