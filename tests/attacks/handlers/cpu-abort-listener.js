// Waits until its caller goes away and spins in the abort listener.
import { attack } from './lib/attack.js';

export default attack((request) => new Promise(() => {
  request.signal.addEventListener('abort', () => { for (;;); });
}));
