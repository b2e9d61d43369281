// Streams for ever, in chunks as large as they come.
import { attack } from './lib/attack.js';

export default attack(() => new Response(new ReadableStream({
  pull(controller) { controller.enqueue(new Uint8Array(64 << 10)); },
})));
