// Images on their way out: looked at, made smaller where a camera made them large, and encoded as they travel.
import { config } from "../chat/config";
import type { Upload } from "../chat/types";

const LONGEST_SIDE = 1600; // pixels; models look at no more

const encoded = (blob: Blob) =>
  new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/** Return an image ready to be sent; `null` when it is none, or too large whatever is done. */
export const prepared = async (file: File): Promise<Upload | null> => {
  const { image_types, image_bytes } = config.limits;
  let blob: Blob = file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return null;
  const scale = LONGEST_SIDE / Math.max(bitmap.width, bitmap.height);
  if (scale < 1 || file.size > image_bytes || !image_types.includes(file.type)) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * Math.min(1, scale));
    canvas.height = Math.round(bitmap.height * Math.min(1, scale));
    canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    blob = (await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85))) ?? file;
  }
  bitmap.close();
  if (blob.size > image_bytes || !image_types.includes(blob.type)) return null;
  return { name: file.name.slice(0, 200), data: await encoded(blob), type: blob.type };
};
