// Fills the JavaScript heap a little at a time, with the event loop free in between.
import { attack, pause } from './lib/attack.js';

const kept = [];

export default attack(async () => {
  for (;;) {
    for (let i = 0; i < 20; i++) kept.push(new Array(100_000).fill(i));
    await pause(1);
  }
});
