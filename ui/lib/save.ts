/** Hands a file that was made or fetched here to the browser's own download. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the download has its own copy by then
}

/** Puts text on the clipboard. Over plain http browsers have no clipboard API, only the old command. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.setAttribute("readonly", "");
  Object.assign(field.style, { position: "fixed", opacity: "0" });
  // Inside a dialog focus is trapped, so the field has to be there too.
  (document.querySelector("[data-slot=dialog]") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** "front_door-2026-11-22-204107.250.jpg" from a camera and a stamp of lib/time/zone. */
export function pictureName(camera: string, stamp: string): string {
  return `${camera}-${stamp.replace(" ", "-").replaceAll(":", "")}.jpg`;
}
