// Bodies of every kind, sent to the caller.
//> GET /string
//> GET /bytes
//> GET /buffer
//> GET /view
//> GET /blob
//> GET /file
//> GET /params
//> GET /stream
//> GET /null
//> GET /undefined
//> GET /empty
//> GET /number
//> GET /date
const bodies = {
  string: () => 'añ😀', bytes: () => new Uint8Array([1, 2, 250]), buffer: () => new Uint8Array([3, 4]).buffer,
  view: () => new DataView(new Uint8Array([5, 6, 7, 8]).buffer, 1, 2), blob: () => new Blob(['ab'], { type: 'x/y' }),
  file: () => new File(['ab'], 'n', { type: 'x/z' }), params: () => new URLSearchParams({ a: '1 2' }),
  stream: () => new Blob(['streamed']).stream(), null: () => null, undefined: () => undefined, empty: () => '', number: () => 5,
  date: () => new Date(0),
};
export default {
  fetch: (request) => new Response(bodies[new URL(request.url).pathname.slice(1)]()),
};
