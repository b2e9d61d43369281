// An upload.
//> POST / | content-type: multipart/form-data; boundary=XyZ | ="--XyZ\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nMy file\r\n--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ü.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\u0001\u0002\r\n--XyZ--\r\n"
export default {
  async fetch(request) {
    const form = await request.formData();
    const file = form.get('file');
    return Response.json({ title: form.get('title'), name: file.name, type: file.type, size: file.size, bytes: [...await file.bytes()] });
  },
};
