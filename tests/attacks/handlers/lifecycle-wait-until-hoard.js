// Answers hundreds of requests and leaves a waitUntil behind with each that never ends.
import { attack } from './lib/attack.js';

export default attack((request, env, ctx) => {
  for (let i = 0; i < 100; i++) ctx.waitUntil(new Promise(() => {}));
  return new Response('left something');
});
