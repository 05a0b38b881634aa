import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

// Direction of imports (house style): app → features → components, hooks → lib. A feature never imports another one, and
// lib knows no React. One block per layer says what that layer must not see.
const features = ["shell", "dashboard", "camera", "timeline", "events", "exports", "storage", "system", "api-docs", "auth", "motion", "zones", "plugins", "notify", "faces"];
const forbid = (patterns) => ({ "no-restricted-imports": ["error", { patterns }] });
const upwards = { group: ["@/app/*", "**/app/**"], message: "app imports everything; nothing imports app" };
const react = { group: ["react", "react-dom", "react/*", "next", "next/*", "lucide-react", "radix-ui", "framer-motion", "framer-motion/*"], message: "lib holds no React: put hooks into hooks/ or a feature" };
const noFeatures = { group: ["@/features/*", "**/features/**"], message: "components, hooks and lib are below features" };
const hls = { group: ["hls.js", "hls.js/*"], message: "hls.js is loaded on demand by lib/player/hls-source.ts only" };

export default ts.config(
  { ignores: ["out/**", ".next/**", "node_modules/**", "next-env.d.ts", "test/.artifacts/**"] },
  js.configs.recommended,
  ...ts.configs.recommendedTypeChecked.map((c) => ({ ...c, files: ["**/*.{ts,tsx}"] })),
  {
    files: ["**/*.{ts,tsx}"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "react-hooks": hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      // Measured external state (an element's size, a portal's target) is taken over in effects on purpose.
      "react-hooks/set-state-in-effect": "off",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "no-restricted-properties": ["error", { object: "Date", property: "now", message: "use now() of lib/time/clock: the recorder's clock" }],
      "no-restricted-syntax": ["error", { selector: "ExportAllDeclaration", message: "no barrel files" }],
    },
  },
  { files: ["lib/**/*.ts"], rules: forbid([upwards, noFeatures, react, hls, { group: ["@/components/*", "@/hooks/*"], message: "lib is the lowest layer" }]) },
  { files: ["components/**/*.tsx", "hooks/**/*.ts"], rules: forbid([upwards, noFeatures, hls]) },
  ...features.map((name) => ({
    files: [`features/${name}/**/*.{ts,tsx}`],
    rules: forbid([upwards, hls, { group: features.filter((f) => f !== name).map((f) => `@/features/${f}/*`), message: "a feature never imports another feature: compose them in app" }]),
  })),
  { files: ["lib/player/hls-source.ts"], rules: forbid([upwards, noFeatures, react, { group: ["@/components/*", "@/hooks/*"], message: "lib is the lowest layer" }]) },
  { files: ["lib/time/**", "**/*.test.{ts,tsx}", "test/**"], rules: { "no-restricted-properties": "off" } },
  { files: ["types.d.ts"], rules: { "no-restricted-syntax": "off" } },
  { files: ["**/*.test.{ts,tsx}", "test/**"], rules: { "no-restricted-imports": "off" } },
  { files: ["public/*.js"], languageOptions: { globals: { self: "readonly", URL: "readonly", fetch: "readonly" } } },
  { files: ["**/*.mjs"], languageOptions: { globals: { process: "readonly", console: "readonly", Buffer: "readonly", URL: "readonly", setTimeout: "readonly", clearTimeout: "readonly", setInterval: "readonly", clearInterval: "readonly", document: "readonly", window: "readonly", localStorage: "readonly" } } },
);
