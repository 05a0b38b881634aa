import { describe, expect, it } from "vitest";
import { byTag, curl, type Document, example, typeText } from "./openapi";

const document: Document = {
  tags: [{ name: "Events", description: "What happened" }, { name: "Unused" }],
  paths: {
    "/api/v1/events/{id}": { get: { operationId: "get-event", tags: ["Events"] } },
    "/api/v1/login": { post: { security: [], requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Login" } } } } } },
  },
  components: {
    schemas: {
      Login: { type: "object", properties: { $schema: { type: "string" }, name: { type: "string", examples: ["o'neil"] }, roles: { type: ["array", "null"], items: { type: "string", enum: ["admin"] } } } },
      Node: { type: "object", properties: { child: { $ref: "#/components/schemas/Node" } } },
    },
  },
};

describe("the API reference", () => {
  it("groups by tag and leaves out empty ones", () => {
    expect(byTag(document).map((g) => [g.tag, g.operations.map((o) => o.id)])).toEqual([
      ["Events", ["get-event"]],
      ["Other", ["post--api-v1-login"]],
    ]);
  });

  it("describes types in one line", () => {
    expect(typeText({ type: ["array", "null"], items: { $ref: "#/components/schemas/Login" } })).toBe("array of Login");
    expect(typeText({ type: "integer", minimum: 1, maximum: 500 })).toBe("integer, 1…500");
    expect(typeText({ type: "string", format: "date-time" })).toBe("string (date-time)");
    expect(typeText(undefined)).toBe("any");
  });

  it("writes a command that survives a shell", () => {
    const [events, other] = byTag(document);
    expect(curl(document, events!.operations[0]!, "http://nvr")).toBe('curl "http://nvr/api/v1/events/$ID" \\\n  -H "Authorization: Bearer $TOKEN"');
    const login = curl(document, other!.operations[0]!, "http://nvr");
    expect(login).not.toContain("Authorization");
    expect(login).toContain(`-d '{"name":"o'\\''neil","roles":["admin"]}'`);
  });

  it("ends on types that hold themselves", () => {
    expect(JSON.stringify(example(document, { $ref: "#/components/schemas/Node" }))).toContain("child");
  });
});
