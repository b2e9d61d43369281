// Is ended, comes back, is ended again: costs an isolate with every request.
import { attack } from './lib/attack.js';

export default attack(() => { for (;;); });
