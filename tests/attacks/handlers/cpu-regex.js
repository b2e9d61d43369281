// Backtracks for longer than the universe lasts, in one call of native code.
import { attack } from './lib/attack.js';

export default attack(() => new Response(String(/^(a+)+$/.test(`${'a'.repeat(60)}!`))));
