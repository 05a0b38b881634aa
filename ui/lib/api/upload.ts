import { apiURL } from "../base";
import { api } from "./client";
import { ApiError, errorFrom, NetworkError } from "./errors";

/** Sends a file as the body of a request. fetch does not tell how much of a body has gone out, so this is the older way. */
export async function upload<T>(path: string, file: Blob, onProgress: (share: number) => void, signal?: AbortSignal): Promise<T> {
  if (!(await api.ensureFresh())) throw new ApiError(401, "Unauthorized", "Please sign in.");
  return new Promise<T>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiURL(path));
    request.setRequestHeader("Authorization", api.authorization() ?? "");
    request.setRequestHeader("Content-Type", "application/gzip");
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new NetworkError("The upload broke off. Nightjar may have refused the size of the file, or cannot be reached; try again."));
    request.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as T); // the server's contract
      else void errorFrom(new Response(request.responseText, { status: request.status, statusText: request.statusText })).then(reject);
    };
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
