// Spins for as long as the default limits let it, which is much longer than the other attacks may.
import { attack } from './lib/attack.js';

export default attack(() => { for (;;); });
