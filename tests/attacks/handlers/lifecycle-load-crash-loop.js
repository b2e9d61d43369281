// Fails while it loads, every time, after it has worked for it.
import { spin } from './lib/attack.js';

export default { fetch: () => new Response('never') };

spin(30);
throw new Error('not today');
