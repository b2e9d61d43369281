// Floods the log with tiny lines.
import { attack } from './lib/attack.js';

export default attack(() => {
  for (let i = 0; i < 200_000; i++) console.log('flood');
  return new Response('flooded');
});
