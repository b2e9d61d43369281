// A body that takes its time.
export default {
  fetch() {
    let n = 0;
    return new Response(new ReadableStream({
      async pull(controller) {
        await scheduler.wait(2);
        if (n === 5) controller.close();
        else controller.enqueue(new TextEncoder().encode(`${n++} `));
      },
    }));
  },
};
