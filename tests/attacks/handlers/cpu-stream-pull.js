// Sends a head and some bytes, then spins inside its body's pull().
import { attack, pause } from './lib/attack.js';

export default attack(() => {
  let pulls = 0;
  return new Response(new ReadableStream({
    async pull(controller) {
      controller.enqueue(new Uint8Array(10));
      await pause(30);
      if (++pulls === 2) for (;;);
    },
  }, { highWaterMark: 0 }));
});
