// Writes log lines that look like the gateway's own, with line breaks, escape sequences and other requests' ids.
import { attack } from './lib/attack.js';

export default attack(() => {
  console.log('x\n2026-01-01T00:00:00Z ERROR tabmesh: forged-line tab=1');
  console.error('\u001b[2J\u001b[31mforged-escape\u001b]0;title\u0007');
  console.log('x\r\nforged-return\u2028forged-separator\u0085forged-next');
  return new Response('forged');
});
