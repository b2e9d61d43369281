// Hoards messages: posts buffers to a port that nobody ever starts, so that they pile up outside of the heap.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const { port1 } = new MessageChannel();
  for (;;) {
    for (let i = 0; i < 4; i++) port1.postMessage(new Uint8Array(1 << 20).fill(i));
    await pause(1);
  }
});
