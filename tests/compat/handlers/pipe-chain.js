// A chain of transforms.
//> POST / | =the quick brown fox
export default {
  fetch(request) {
    const map = (change) => new TransformStream({ transform: (chunk, controller) => controller.enqueue(change(chunk)) });
    return new Response(request.body.pipeThrough(new TextDecoderStream()).pipeThrough(map((text) => text.toUpperCase()))
      .pipeThrough(map((text) => text.split(' ').reverse().join(' '))).pipeThrough(new TextEncoderStream()));
  },
};
