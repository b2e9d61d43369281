// Answers with a header of 8 MiB.
import { attack } from './lib/attack.js';

export default attack(() => new Response('x', { headers: { 'x-giant': 'g'.repeat(8 << 20) } }));
