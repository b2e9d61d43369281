// Spins inside HTMLRewriter's parser: thousands of selectors over a document that is one long list.
import { attack } from './lib/attack.js';

export default attack(async () => {
  const rewriter = new HTMLRewriter();
  for (let i = 0; i < 3000; i++) rewriter.on(`[a${i}] > [b="${i}"] ~ i, :nth-child(${i}n+${i})`.replace(' ~ i', ''), { text() {} });
  for (;;) await rewriter.transform(new Response('<i a=b>x</i>'.repeat(80000))).text();
});
