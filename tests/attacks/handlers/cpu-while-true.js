// Spins: while (true), in the request.
import { attack } from './lib/attack.js';

export default attack(() => { for (;;); });
