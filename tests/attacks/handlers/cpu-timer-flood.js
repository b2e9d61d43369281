// Floods the event loop with timers, each of which works a little and sets the next.
import { attack, spin } from './lib/attack.js';

export default attack(() => new Promise(() => {
  const work = () => { setTimeout(work); spin(2); };
  for (let i = 0; i < 500; i++) setTimeout(work);
}));
