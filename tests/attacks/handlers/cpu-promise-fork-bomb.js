// Forks: every settled promise makes two more.
import { attack } from './lib/attack.js';

export default attack(() => new Promise(() => {
  const fork = () => { Promise.resolve().then(fork); Promise.reject().catch(fork); };
  fork();
}));
