import { describe, expect, it } from "vitest";
import { errorAt, helpOf, objectDraft, otherErrors, type Schema, settingErrors, settingName, settingsOf } from "./schema-form";

const schema: Schema = {
  type: "object",
  required: ["service"],
  properties: {
    service: { type: "string", enum: ["ntfy", "webpush", "fcm"] },
    recipients: { type: "array", items: { type: "string" }, description: "Whom to tell. ntfy: topics; webpush: subscriptions; fcm: device tokens." },
    url: { type: "string", description: "ntfy: your own server. Others: only for a proxy." },
    token: { type: "string", "x-secret": true, description: "ntfy: access token." },
    key: { type: "string", "x-secret": true, description: "webpush, fcm: the key." },
    image: { type: "boolean", default: true, description: "Show the picture. ntfy gets the picture itself; the others get a link." },
    timeout: { type: "integer", minimum: 1, maximum: 30, default: 10 },
    headers: { type: "object", additionalProperties: { type: "string" } },
    smtp: { type: "object", properties: { host: { type: "string" }, port: { type: "integer" } } },
  },
};

describe("helpOf", () => {
  it("shows a field for its choice only, with the part of the description that counts", () => {
    const draft = objectDraft(schema, { service: "ntfy" });
    expect(helpOf(schema, "token", draft)).toEqual({ shown: true, text: "Access token." });
    expect(helpOf(schema, "key", draft).shown).toBe(false);
    expect(helpOf(schema, "recipients", draft)).toEqual({ shown: true, text: "Whom to tell. Topics." });
    expect(helpOf(schema, "url", { ...draft, service: "fcm" })).toEqual({ shown: true, text: "Only for a proxy." });
    expect(helpOf(schema, "key", { ...draft, service: "fcm" })).toEqual({ shown: true, text: "The key." });
    expect(helpOf(schema, "image", draft).text).toMatch(/^Show the picture\. ntfy gets/);
  });
});

describe("settingsOf", () => {
  it("leaves out what is empty or does not count, and keeps secrets that nobody touched", () => {
    const draft = objectDraft(schema, { service: "ntfy", recipients: ["a"], headers: { X: "1" }, smtp: { port: 25 } });
    expect(settingsOf(schema, draft)).toEqual({ service: "ntfy", recipients: ["a"], image: true, timeout: 10, headers: { X: "1" }, smtp: { port: 25 } });
  });

  it("replaces and clears secrets, and does not send those of another choice", () => {
    const draft = { ...objectDraft(schema, { service: "ntfy" }), token: { value: "t" }, key: { value: "k" } };
    expect(settingsOf(schema, draft).token).toBe("t");
    expect(settingsOf(schema, draft)).not.toHaveProperty("key");
    expect(settingsOf(schema, { ...draft, token: { clear: true } }).token).toBeNull();
  });

  it("reads numbers, lists and maps as they are typed", () => {
    const draft = { ...objectDraft(schema, { service: "ntfy" }), timeout: "5", recipients: ["a", ""], headers: [{ key: "A", value: "1" }, { key: "", value: "x" }] };
    expect(settingsOf(schema, draft)).toMatchObject({ timeout: 5, recipients: ["a"], headers: { A: "1" } });
  });
});

describe("errors of the server", () => {
  const errors = settingErrors([
    { location: "body.settings.url", message: "must begin with https://" },
    { location: "body.settings.headers.Host", message: "is not a header that can be set" },
    { location: "body.settings.key", message: "is required" },
    { location: "body.settings", message: "has an unknown field" },
  ]);
  it("belong to their field, or to the one around it", () => {
    expect(errorAt(errors, "url")).toBe("must begin with https://");
    expect(errorAt(errors, "headers")).toBe("Host is not a header that can be set");
    expect(errorAt(errors, "token")).toBeUndefined();
  });
  it("are told above the form where their field is not shown", () => {
    expect(otherErrors(errors, schema, objectDraft(schema, { service: "ntfy" }))).toEqual(["Key: is required", "has an unknown field"]);
  });
});

it("names settings", () => {
  expect(settingName("vapid_public_key")).toBe("VAPID public key");
  expect(settingName("api_url")).toBe("API URL");
});
