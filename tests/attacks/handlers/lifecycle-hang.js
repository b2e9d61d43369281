// Never answers and never works: a promise that nobody keeps.
import { attack } from './lib/attack.js';

export default attack(() => new Promise(() => {}));
