// Answers at once, without waitUntil, and leaves timers behind that burn the processor in slices for ever.
import { attack, born, reply, spin } from './lib/attack.js';

let burnt = 0;

export default attack((request) => {
  if (new URL(request.url).pathname === '/burnt') return reply({ burnt, born });
  setInterval(() => { spin(20); burnt += 20; }, 25);
  return new Response('done, as far as you know');
});
