// Floods the log from timers, in turns, so that what is allowed per turn adds up.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const line = 'later '.repeat(2000);
  for (let turn = 0; turn < 50; turn++) {
    for (let i = 0; i < 30; i++) console.warn(line);
    await pause(1);
  }
  return new Response('flooded');
});
