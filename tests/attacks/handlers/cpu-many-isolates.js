// Is deployed under many names and spins in all of them at once.
import { attack } from './lib/attack.js';

export default attack(() => { for (;;); });
