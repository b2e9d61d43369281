// Rewrites a text: `set` adds handlers to a new HTMLRewriter.

export const rewrite = (html, set, init) => {
  const rewriter = new HTMLRewriter();
  set(rewriter);
  return rewriter.transform(new Response(html, init)).text();
};

/** What a function gives, or the whole of what it threw. */
export const said = async (run) => {
  try {
    return await run();
  } catch (error) {
    return `${error?.name}: ${error?.message}`;
  }
};

/** A stream of these pieces, bytes or text. */
export const pieces = (...all) => ReadableStream.from(all.map((one) => (typeof one === 'string' ? new TextEncoder().encode(one) : one)));
