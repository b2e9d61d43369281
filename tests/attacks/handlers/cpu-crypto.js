// Makes the browser's crypto threads work: PBKDF2 with billions of rounds, keys of 16384 bits. They outlive terminate().
import { attack } from './lib/attack.js';

export default attack(async () => {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'PBKDF2', false, ['deriveBits']);
  const work = [];
  for (let i = 0; i < 8; i++) {
    work.push(crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(16), iterations: 50_000_000 }, key, 512));
  }
  await Promise.race(work);
  return new Response('computed elsewhere');
});
