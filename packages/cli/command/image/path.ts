/** Path of an image's operations. Slashes of its name stay, as the API's routes expect them. */
export function imagePath(name: string): string {
  return `/images/${name.split('/').map(encodeURIComponent).join('/')}`
}
