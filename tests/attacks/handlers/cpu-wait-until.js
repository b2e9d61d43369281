// Answers at once and spins afterwards, in waitUntil.
import { attack, pause } from './lib/attack.js';

export default attack((request, env, ctx) => {
  ctx.waitUntil(pause(30).then(() => { for (;;); }));
  return new Response('done, as far as you know');
});
