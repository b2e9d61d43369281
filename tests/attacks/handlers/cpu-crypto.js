// Makes the browser's crypto threads work, which outlive terminate(): PBKDF2 with millions of rounds.
import { attack } from './lib/attack.js';

export default attack(async () => {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'PBKDF2', false, ['deriveBits']);
  const work = [];
  for (let i = 0; i < 8; i++) {
    const parameters = { name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(16), iterations: 50_000_000 };
    work.push(crypto.subtle.deriveBits(parameters, key, 512));
  }
  await Promise.race(work);
  return new Response('computed elsewhere');
});
