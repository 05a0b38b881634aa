/** Where to go after signing in: a path inside this application only, never another host ("//evil", "/\evil"). */
export function nextPath(value: string | null): string {
  if (!value || !/^\/(?![/\\])/.test(value) || value.startsWith("/login")) return "/";
  return value;
}
