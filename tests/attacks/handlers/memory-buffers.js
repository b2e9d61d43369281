// Allocates ArrayBuffers, writes to every page of them, and will not take no for an answer.
import { attack } from './lib/attack.js';

export default attack(() => {
  const kept = [];
  for (;;) {
    try {
      kept.push(new Uint8Array(4 << 20).fill(1));
    } catch { /* then once more */ }
  }
});
