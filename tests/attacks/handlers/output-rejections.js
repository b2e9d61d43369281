// Floods the log without a console: unhandled rejections, errors thrown in timers, reportError.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  for (let i = 0; i < 20_000; i++) {
    Promise.reject(new Error(`rejected ${i} ${'x'.repeat(200)}`));
    if (i % 4 === 0) reportError(new Error(`reported ${i}`));
    if (i % 4 === 1) setTimeout(() => { throw new Error(`thrown ${i}`); });
  }
  await pause(100);
  return new Response('flooded');
});
