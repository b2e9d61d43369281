// Forks: every microtask queues two more.
import { attack } from './lib/attack.js';

export default attack(() => new Promise(() => {
  const fork = () => { queueMicrotask(fork); queueMicrotask(fork); };
  fork();
}));
