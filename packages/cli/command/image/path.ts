/** Path of an image's operations. Slashes and colons of its name stay, as the API's routes expect them. */
export function imagePath(name: string): string {
  return `/images/${encodeURIComponent(name).replaceAll(/%(2F|3A|40)/g, (code) => decodeURIComponent(code))}`
}
