// Floods the log with lines of a megabyte.
import { attack } from './lib/attack.js';

export default attack(() => {
  const line = 'giant '.repeat(180_000);
  for (let i = 0; i < 100; i++) console.error(line);
  return new Response('flooded');
});
