// Hoards in the queues of byte streams: chunks that nobody reads, ends of chunks that a view took the rest of, and what
// only one branch of a tee has read.
import { attack, pause } from './lib/attack.js';

const SIZE = 8 << 20;
const filled = (view) => new ReadableStream({
  type: 'bytes',
  start(controller) { controller.enqueue(view ?? new Uint8Array(SIZE).fill(1)); },
}, { highWaterMark: 1 });

export default attack(async () => {
  const kept = [];
  let spare = new Uint8Array(SIZE - 1);
  for (;;) {
    kept.push(filled());
    kept.push(filled(new Uint8Array(SIZE).fill(1).subarray(7, 8)));
    const eaten = filled();
    const reader = eaten.getReader({ mode: 'byob' });
    spare = (await reader.read(spare)).value;
    kept.push(reader);
    const [left, right] = filled().tee();
    await left.getReader().read();
    kept.push(right);
    const response = new Response(filled());
    const copy = response.clone();
    await response.body.getReader().read();
    kept.push(copy);
    for (let i = 0; i < 8; i++) new Uint8Array(1 << 20);
    await pause(5);
  }
});
