// A body that fails after it began.
export default {
  fetch() {
    let n = 0;
    return new Response(new ReadableStream({
      async pull(controller) {
        if (n++ === 0) return controller.enqueue(new Uint8Array(10));
        await scheduler.wait(20);
        controller.error(new Error('on purpose'));
      },
    }));
  },
};
