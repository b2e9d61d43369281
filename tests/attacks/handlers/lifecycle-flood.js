// Takes a hundred requests at once and lets them all wait.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  await pause(150);
  return new Response('waited');
});
