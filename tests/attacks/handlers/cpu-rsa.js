// Asks for RSA keys of 16384 bits, minutes of work on the browser's own threads.
import { attack } from './lib/attack.js';

export default attack(async () => {
  const publicExponent = new Uint8Array([1, 0, 1]);
  const parameters = { name: 'RSA-OAEP', modulusLength: 16384, publicExponent, hash: 'SHA-256' };
  await Promise.race([1, 2, 3, 4].map(() => crypto.subtle.generateKey(parameters, true, ['encrypt', 'decrypt'])));
  return new Response('made elsewhere');
});
