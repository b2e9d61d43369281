// Spins in immediates and scheduler tasks, so that messages to the isolate always find the loop turning.
import { attack, spin } from './lib/attack.js';

export default attack(() => new Promise(() => {
  const work = () => { spin(5); setImmediate(work); };
  work();
  (async () => { for (;;) { spin(5); await scheduler.wait(0); } })();
}));
