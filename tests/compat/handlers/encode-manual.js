// encodeBody: a body that is compressed already is sent as it is.
//> GET / | accept-encoding: gzip
//> GET /
export default {
  async fetch() {
    const zipped = new Blob(['hello '.repeat(50)]).stream().pipeThrough(new CompressionStream('gzip'));
    const bytes = await new Response(zipped).bytes();
    // Byte 9 names the system that compressed.
    bytes[9] = 0;
    return new Response(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text(), {
      headers: { 'x-begins': [...bytes.slice(0, 4)].join() },
    });
  },
};
