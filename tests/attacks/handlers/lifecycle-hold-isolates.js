// Is deployed under many names and holds an isolate with each of them.
import { attack } from './lib/attack.js';

export default attack(() => new Promise(() => {}));
