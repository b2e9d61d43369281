// Fills HTMLRewriter's memory: many documents at once, each in the middle of a tag that does not end.
import { attack, pause } from './lib/attack.js';

const piece = 'x'.repeat(1 << 19);

export default attack(async () => {
  const kept = [];
  for (;;) {
    let pieces = 5;
    const endless = new ReadableStream({
      pull(controller) { if (pieces-- > 0) controller.enqueue(pieces === 4 ? '<p title="' : piece); else return new Promise(() => {}); },
    });
    kept.push(new HTMLRewriter().on('p', { element() {} }).transform(new Response(endless)));
    await pause(1);
  }
});
