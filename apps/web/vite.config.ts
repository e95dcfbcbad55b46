import react from "@vitejs/plugin-react";
import { defineConfig, type UserConfig } from "vite";
import { precompress } from "./build/precompress.ts";

const serverUrl = process.env.PARLEY_SERVER ?? "http://127.0.0.1:50051";

const config: UserConfig = defineConfig({
  plugins: [react(), precompress()],
  build: {
    // The policy of the server allows no data: scripts, and a small file more costs nothing.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Most of the time goes into compressing, once and for all.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: {
    // The paths of the calls, over HTTP and WebSocket, go to a server that runs.
    proxy: {
      "^/chat\\.v1\\.": { target: serverUrl, ws: true, secure: false },
    },
  },
});

export default config;
