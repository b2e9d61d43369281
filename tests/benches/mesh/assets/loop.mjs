// Runs a wasm loop as long as the query says. The same file runs in a tab and in Node.
export function answer(module, request) {
  const { exports } = new WebAssembly.Instance(module);
  return new Response(String(exports.run(Number(new URL(request.url).searchParams.get('rounds')))));
}
