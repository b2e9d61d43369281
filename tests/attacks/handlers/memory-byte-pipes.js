// Hoards between streams: a pipe that reads ahead without bound, bodies whose end never comes, and streams moved elsewhere.
import { attack, pause } from './lib/attack.js';

const SIZE = 8 << 20;
const chunks = (left) => new ReadableStream({
  type: 'bytes',
  async pull(controller) {
    if (left-- <= 0) return new Promise(() => {});
    controller.enqueue(new Uint8Array(SIZE).fill(1));
    for (let i = 0; i < 8; i++) new Uint8Array(1 << 20);
    await pause(5);
  },
});

export default attack(async () => {
  const kept = [];
  for (;;) {
    const sink = new WritableStream({ write: () => new Promise(() => {}) }, { highWaterMark: Infinity });
    kept.push(sink, chunks(Infinity).pipeTo(sink));
    kept.push(new Response(chunks(4)).arrayBuffer());
    try {
      const stream = chunks(4);
      kept.push(structuredClone(stream, { transfer: [stream] }));
    } catch {
      // Refused, as it should be.
    }
    await pause(50);
  }
});
