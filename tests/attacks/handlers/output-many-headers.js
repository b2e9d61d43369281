// Answers with a hundred thousand headers.
import { attack } from './lib/attack.js';

export default attack(() => {
  const headers = new Headers();
  for (let i = 0; i < 100_000; i++) headers.append(`x-${i}`, 'v');
  return new Response('x', { headers });
});
