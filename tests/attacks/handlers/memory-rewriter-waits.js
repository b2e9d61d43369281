// Hoards suspended parsers: handlers whose promises never settle, each of which keeps a stack.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const kept = [];
  for (;;) {
    for (let i = 0; i < 50; i++) {
      kept.push(new HTMLRewriter().on('p', { element: () => new Promise(() => {}) }).transform(new Response('<p>')));
    }
    await pause(1);
  }
});
