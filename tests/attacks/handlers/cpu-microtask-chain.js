// Never lets go of the thread: an endless chain of awaits, no task ever ends.
import { attack } from './lib/attack.js';

export default attack(async () => { for (;;) await null; });
