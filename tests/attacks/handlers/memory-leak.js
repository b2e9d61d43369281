// Leaks four megabytes with every request, well-behaved otherwise.
import { attack } from './lib/attack.js';

const kept = [];

export default attack(() => {
  kept.push(new Uint8Array(4 << 20).fill(1));
  return new Response(`${kept.length}`);
});
