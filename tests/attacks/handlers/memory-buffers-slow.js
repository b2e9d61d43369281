// Allocates ArrayBuffers one by one, between which it waits: never busy, ever bigger.
import { attack, pause } from './lib/attack.js';

const kept = [];

export default attack(async () => {
  for (;;) {
    kept.push(new Uint8Array(1 << 20).fill(1));
    await pause(2);
  }
});
