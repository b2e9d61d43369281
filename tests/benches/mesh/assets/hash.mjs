// Hashes as long as the query says: FNV-1a and a mixer over a kilobyte, `rounds` times. The same file runs in a tab and
// in Node.
const bytes = Uint8Array.from({ length: 1024 }, (_, i) => (i * 31) & 0xff);

function hash(rounds) {
  let h = 0x811c9dc5;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
    h ^= h >>> 15;
  }
  return h >>> 0;
}

export default {
  async fetch(request) {
    return new Response(String(hash(Number(new URL(request.url).searchParams.get('rounds')))));
  },
};
