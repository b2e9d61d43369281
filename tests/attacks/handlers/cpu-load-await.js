// Never finishes to load: waits at the top level for what never comes.
import './lib/attack.js';

await new Promise(() => {});
export default { fetch: () => new Response('never') };
