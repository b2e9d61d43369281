// Spins a little in every request, while its callers come and go.
import { attack, pause, spin } from './lib/attack.js';

export default attack(async (request) => {
  spin(Math.random() * 20);
  await pause(Math.random() * 20);
  if (Math.random() < 0.3) throw new Error('by chance');
  spin(Math.random() * 10);
  request.signal.throwIfAborted();
  return new Response(new ReadableStream({
    async pull(controller) {
      await pause(5);
      controller.enqueue(new Uint8Array(1000));
      if (Math.random() < 0.1) controller.close();
    },
  }));
});
