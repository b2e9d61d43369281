// Grows resizable buffers after they were made small, and moves buffers into larger ones.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const kept = [];
  for (;;) {
    const buffer = new ArrayBuffer(0, { maxByteLength: 16 << 20 });
    for (let size = 1 << 20; size <= 16 << 20; size += 1 << 20) {
      buffer.resize(size);
      new Uint8Array(buffer).fill(1);
    }
    const moved = new ArrayBuffer(8).transfer(16 << 20);
    new Uint8Array(moved).fill(1);
    kept.push(buffer, moved);
    await pause(1);
  }
});
