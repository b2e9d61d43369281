// Streams as many bytes as the query says.
const piece = new Uint8Array(64 * 1024);

export default {
  fetch(request) {
    let left = Number(new URL(request.url).searchParams.get('bytes'));
    const body = new ReadableStream({
      pull(controller) {
        const length = Math.min(left, piece.length);
        left -= length;
        if (length > 0) controller.enqueue(length === piece.length ? piece : piece.subarray(0, length));
        if (left === 0) controller.close();
      },
    });
    return new Response(body);
  },
};
