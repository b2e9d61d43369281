// Hoards in documents that are being rewritten: of each large chunk the parser has taken a first piece.
import { attack, pause } from './lib/attack.js';

const SIZE = 8 << 20;
const filled = () => new ReadableStream({
  type: 'bytes',
  start(controller) { controller.enqueue(new Uint8Array(SIZE).fill(97)); },
});

export default attack(async () => {
  const kept = [];
  for (;;) {
    const response = new HTMLRewriter().transform(new Response(filled()));
    await response.body.getReader().read();
    kept.push(response);
    for (let i = 0; i < 8; i++) new Uint8Array(1 << 20);
    await pause(5);
  }
});
