// Lets its callers send bodies that it never reads, to use up the room for everybody's.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  await pause(400);
  return new Response('unread');
});
