// Answers and then floods the log from timers, when no request is there to count it for.
import { attack } from './lib/attack.js';

export default attack(() => {
  const line = 'background '.repeat(1000);
  setInterval(() => { for (let i = 0; i < 10; i++) console.log(line); }, 2);
  return new Response('answered');
});
