// Spins at the top level of its module: it never finishes to load.
import './lib/attack.js';

for (;;);
export default { fetch: () => new Response('never') };
