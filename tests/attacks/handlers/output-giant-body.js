// Answers with 32 MiB at once, where 1 MiB is allowed.
import { attack } from './lib/attack.js';

export default attack(() => new Response(new Uint8Array(32 << 20)));
