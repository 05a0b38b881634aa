export interface FieldError {
  message: string;
  location?: string;
}

/** An answer of the server that was not a success; `message` is the server's own sentence where it sent one. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    readonly status: number,
    readonly title: string,
    message: string,
    readonly fields: FieldError[] = [],
  ) {
    super(message);
  }
}

/** The server did not answer at all. */
export class NetworkError extends Error {
  override name = "NetworkError";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Reads an RFC 9457 body; a proxy in between may answer with anything, so nothing is taken for granted. */
export async function errorFrom(response: Response): Promise<ApiError> {
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    body = undefined;
  }
  const problem = isRecord(body) ? body : {};
  const title = typeof problem.title === "string" ? problem.title : response.statusText || `HTTP ${response.status}`;
  const detail = typeof problem.detail === "string" && problem.detail ? problem.detail : title;
  const fields = Array.isArray(problem.errors)
    ? problem.errors.filter(isRecord).map((e) => ({
        message: typeof e.message === "string" ? e.message : "is not valid",
        location: typeof e.location === "string" ? e.location : undefined,
      }))
    : [];
  return new ApiError(response.status, title, detail, fields);
}

/** A sentence with its capital and its point. One that begins with an id, as org.example.bell, keeps it as it is. */
export function whole(text: string): string {
  const clean = text.trim();
  if (!clean) return "";
  const id = /^\S*[a-z0-9][._/@-][a-z0-9]/i.test(clean);
  const first = id ? clean : clean.charAt(0).toUpperCase() + clean.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** One sentence for a person, whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError || error instanceof NetworkError) {
    return whole(error.message);
  }
  return error instanceof Error ? error.message : "Something went wrong.";
}
