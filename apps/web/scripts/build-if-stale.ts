import { buildWebApp, isStale } from "../build/build-web-app.ts";

// For `npm start`: builds the web app unless the last build is of the same files.
if (process.argv.includes("--always") || isStale()) {
  process.stdout.write("Building the web app…\n");
  await buildWebApp();
}
