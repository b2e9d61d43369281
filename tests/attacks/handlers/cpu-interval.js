// Works in slices, with the event loop free in between: an interval that is busy half of the time.
import { attack, spin } from './lib/attack.js';

export default attack(() => new Promise(() => { setInterval(() => spin(10), 20); }));
