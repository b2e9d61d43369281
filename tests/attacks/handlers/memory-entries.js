// Fills the lists that the browser keeps for it: performance marks, timers, event listeners, abort signals.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  for (;;) {
    for (let i = 0; i < 2000; i++) {
      performance.mark(`evil ${i}`, { detail: 'x'.repeat(1000) });
      setTimeout(() => {}, 1e9, 'x'.repeat(100));
      globalThis.addEventListener(`evil ${i}`, () => {});
      AbortSignal.timeout(1e9);
    }
    await pause(1);
  }
});
