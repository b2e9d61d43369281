// Announces ten bytes and sends more, or fewer.
import { attack } from './lib/attack.js';

let turn = 0;

export default attack(() => {
  const size = turn++ % 2 === 0 ? 5 : 5000;
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(size));
      controller.close();
    },
  });
  return new Response(stream, { headers: { 'content-length': '10' } });
});
