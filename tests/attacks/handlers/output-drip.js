// Drips a byte every now and then, for ever, to hold the tab's places with callers that wait.
import { attack, pause } from './lib/attack.js';

export default attack(() => new Response(new ReadableStream({
  async pull(controller) {
    await pause(50);
    controller.enqueue(new Uint8Array(1));
  },
})));
