import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// One file with a name that templates know: /static/console/identity-graph.js.
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  build: {
    outDir: "../dist/console",
    emptyOutDir: true,
    target: "es2022",
    lib: { entry: "src/identity-graph.ts", formats: ["es"], fileName: () => "identity-graph.js" },
  },
});
