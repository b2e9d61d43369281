// Answers at once and stays busy for the time that the query says, so that its isolate takes nothing else meanwhile.
export default {
  fetch(request) {
    const ms = Number(new URL(request.url).searchParams.get('ms'));
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('held'));
        setTimeout(() => controller.close(), ms);
      },
    });
    return new Response(body);
  },
};
