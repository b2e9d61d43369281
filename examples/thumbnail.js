// Makes thumbnails: POST an image that the browser can decode, get a small PNG, WebP or JPEG back.
//   ?width=N (default 160)   ?format=png|webp|jpeg
export default {
  async fetch(request) {
    if (request.method !== 'POST') {
      return new Response('POST an image.\n', { status: 405, headers: { allow: 'POST' } });
    }
    const query = new URL(request.url).searchParams;
    const width = Number(query.get('width') ?? 160);
    const type = `image/${query.get('format') ?? 'png'}`;
    if (!Number.isInteger(width) || width < 1 || width > 2000) {
      return new Response('width must be between 1 and 2000\n', { status: 400 });
    }
    if (!['image/png', 'image/webp', 'image/jpeg'].includes(type)) {
      return new Response('format must be png, webp or jpeg\n', { status: 400 });
    }

    let image;
    try {
      image = await createImageBitmap(await request.blob());
    } catch {
      return new Response('This is not an image that can be decoded.\n', { status: 415 });
    }
    const height = Math.max(1, Math.round((image.height * width) / image.width));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, width, height);
    image.close();
    return new Response(await canvas.convertToBlob({ type, quality: 0.85 }));
  },
};
