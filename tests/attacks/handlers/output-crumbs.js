// Streams for ever, in chunks of one byte, as fast as they are taken.
import { attack } from './lib/attack.js';

export default attack(() => new Response(new ReadableStream({
  pull(controller) { controller.enqueue(new Uint8Array(1)); },
})));
