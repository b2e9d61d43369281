import decoder from 'string_decoder-npm';

export const { StringDecoder } = decoder;
export default { StringDecoder };
