// Hands the blob: URL of its own code to another tenant's handler: it names the code, but must not be loadable there.
import { attack, attempt, reply } from './lib/attack.js';

export default attack(async (request) => {
  const url = await request.text();
  if (url !== '') return reply({ import: await attempt(() => import(url)) });
  const code = new Blob(['export default 1'], { type: 'text/javascript' });
  return reply({ url: URL.createObjectURL?.(code) ?? import.meta.url });
});
