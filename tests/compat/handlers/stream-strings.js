// Chunks that are text and chunks that are not bytes.
//> GET /text
//> GET /mixed
//> GET /view
//> GET /buffer
export default {
  fetch(request) {
    const path = new URL(request.url).pathname;
    const chunks = { '/text': ['a', 'é'], '/mixed': ['a', new Uint8Array([98])], '/view': [new Uint16Array([0x6261])], '/buffer': [new Uint8Array([99]).buffer] }[path];
    return new Response(ReadableStream.from(chunks));
  },
};
