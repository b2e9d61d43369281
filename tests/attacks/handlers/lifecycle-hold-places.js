// Takes more places than a tab has, with requests that never end.
import { attack } from './lib/attack.js';

export default attack(() => new Promise(() => {}));
