/* A photo of the tablet's camera made smaller: at most 1600 pixels, JPEG, without what the camera wrote into it. */

const SIDE = 1600;
const QUALITY = 0.85;

/** Width and height that fit `SIDE`, the shape kept. */
export function fitted(width, height) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** The bytes of the smaller picture. Throws for what is no picture. */
export async function pictureOf(file) {
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = fitted(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, 'image/jpeg', QUALITY);
  });
  return blob.arrayBuffer();
}
