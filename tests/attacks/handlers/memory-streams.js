// Hoards in streams that nobody reads: enqueues without asking for room, and tees.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const kept = [];
  for (;;) {
    const stream = new ReadableStream({
      start(controller) { for (let i = 0; i < 8; i++) controller.enqueue(new Uint8Array(1 << 20).fill(i)); },
    });
    const [left, right] = stream.tee();
    await left.getReader().read();
    kept.push(right);
    await pause(1);
  }
});
