// Parses and writes JSON of a hundred thousand levels, for a stack to overflow.
import { attack } from './lib/attack.js';

export default attack(() => {
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
  return Response.json(deep);
});
